"""The real servers, at their stock paths in a throw-away host: ldap.py, imap.py, mariadb.py."""
