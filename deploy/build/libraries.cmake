# libraries.cmake -- every library we use, each listed for the storey whose folder may include it
# (tests/lint/check_layers.py checks the includes).

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET libcrypto>=3.0 libssl>=3.0)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CONFUSE REQUIRED IMPORTED_TARGET libconfuse)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c>=1.4.1) # CVE-2022-33070, CVE-2022-48468
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap lber)
pkg_check_modules(MOUNT REQUIRED IMPORTED_TARGET mount)
pkg_check_modules(BTRFSUTIL REQUIRED IMPORTED_TARGET libbtrfsutil)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_library(NNG nng REQUIRED) # Debian's libnng-dev has no .pc file

set(LIBRARIES_COMMON PkgConfig::OPENSSL PkgConfig::ZSTD PkgConfig::CONFUSE PkgConfig::XXHASH Threads::Threads)
set(LIBRARIES_PROTO PkgConfig::PROTOBUF_C ${NNG})
set(LIBRARIES_AGENT PkgConfig::MARIADB PkgConfig::LDAP PkgConfig::JANSSON PkgConfig::MOUNT PkgConfig::BTRFSUTIL)
set(LIBRARIES_CONTROLLER PkgConfig::SQLITE PkgConfig::LMDB)
set(LIBRARIES_CLI PkgConfig::JANSSON)
