# protobuf.cmake -- C code for proto/*.proto, compiled without our warnings: it is not ours.

find_program(PROTOC_C protoc-c REQUIRED)
file(GLOB protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/*.proto)
set(generated)
foreach(proto IN LISTS protos)
    get_filename_component(stem ${proto} NAME_WE)
    set(out ${PROJECT_BINARY_DIR}/gen/proto/${stem}.pb-c)
    add_custom_command(OUTPUT ${out}.c ${out}.h
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/gen
        COMMAND ${PROTOC_C} --c_out=${PROJECT_BINARY_DIR}/gen -I ${PROJECT_SOURCE_DIR} ${proto}
        DEPENDS ${proto} VERBATIM)
    list(APPEND generated ${out}.c ${out}.h)
endforeach()
if(generated)
    add_library(proto_gen STATIC ${generated})
    target_include_directories(proto_gen SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/gen)
    target_link_libraries(proto_gen PUBLIC PkgConfig::PROTOBUF_C)
    target_compile_options(proto_gen PRIVATE -w)
else()
    add_library(proto_gen INTERFACE)
endif()
