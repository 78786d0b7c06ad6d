-- The kinds of tables that a Kolab webmail database has, with their names (which decide what is a cache) and their
-- shapes in short: references, a view, a trigger, an event, binary and wide text columns, an engine other than InnoDB.
CREATE TABLE users (
  user_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  mail_host VARCHAR(128) NOT NULL,
  created DATETIME NOT NULL DEFAULT '1000-01-01 00:00:00',
  language VARCHAR(16),
  preferences LONGTEXT,
  UNIQUE KEY username (username, mail_host)
) ENGINE=InnoDB;
CREATE TABLE identities (
  identity_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  changed DATETIME NOT NULL,
  name VARCHAR(128) NOT NULL,
  email VARCHAR(128) NOT NULL,
  signature LONGTEXT,
  CONSTRAINT identity_owner FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE
) ENGINE=InnoDB;
CREATE TABLE contacts (
  contact_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  changed DATETIME NOT NULL,
  del TINYINT(1) NOT NULL DEFAULT 0,
  name VARCHAR(128) NOT NULL DEFAULT '',
  email TEXT NOT NULL,
  vcard LONGTEXT,
  words TEXT,
  KEY of_user (user_id, del),
  CONSTRAINT contact_owner FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE
) ENGINE=InnoDB;
CREATE TABLE contactgroups (
  contactgroup_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  name VARCHAR(128) NOT NULL,
  CONSTRAINT group_owner FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE
) ENGINE=InnoDB;
CREATE TABLE contactgroupmembers (
  contactgroup_id INT UNSIGNED NOT NULL,
  contact_id INT UNSIGNED NOT NULL,
  PRIMARY KEY (contactgroup_id, contact_id)
) ENGINE=InnoDB;
CREATE TABLE filestore (
  file_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED NOT NULL,
  filename VARCHAR(128) NOT NULL,
  data LONGBLOB NOT NULL
) ENGINE=InnoDB;
CREATE TABLE dictionary (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id INT UNSIGNED,
  language VARCHAR(16) NOT NULL,
  data LONGTEXT NOT NULL
) ENGINE=Aria;
CREATE TABLE kolab_alarms (
  alarm_id VARCHAR(255) NOT NULL,
  user_id INT UNSIGNED NOT NULL,
  notifyat DATETIME,
  dismissed TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (alarm_id, user_id)
) ENGINE=InnoDB;
CREATE TABLE `system` (name VARCHAR(64) NOT NULL PRIMARY KEY, value MEDIUMTEXT) ENGINE=InnoDB;

-- What a webmail host can make again: a backup keeps the schema and leaves the rows.
CREATE TABLE session (
  sess_id VARCHAR(128) NOT NULL PRIMARY KEY, changed DATETIME NOT NULL, ip VARCHAR(40) NOT NULL, vars MEDIUMTEXT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE cache (
  user_id INT UNSIGNED NOT NULL, cache_key VARCHAR(128) NOT NULL, expires DATETIME, data LONGTEXT NOT NULL,
  PRIMARY KEY (user_id, cache_key)
) ENGINE=InnoDB;
CREATE TABLE cache_shared (cache_key VARCHAR(255) NOT NULL PRIMARY KEY, expires DATETIME, data LONGTEXT NOT NULL) ENGINE=InnoDB;
CREATE TABLE cache_index (
  user_id INT UNSIGNED NOT NULL, mailbox VARCHAR(255) NOT NULL, valid TINYINT(1) NOT NULL DEFAULT 0, data LONGTEXT NOT NULL,
  PRIMARY KEY (user_id, mailbox)
) ENGINE=InnoDB;
CREATE TABLE cache_thread (
  user_id INT UNSIGNED NOT NULL, mailbox VARCHAR(255) NOT NULL, data LONGTEXT NOT NULL, PRIMARY KEY (user_id, mailbox)
) ENGINE=InnoDB;
CREATE TABLE cache_messages (
  user_id INT UNSIGNED NOT NULL, mailbox VARCHAR(255) NOT NULL, uid INT UNSIGNED NOT NULL, data LONGTEXT NOT NULL,
  PRIMARY KEY (user_id, mailbox, uid)
) ENGINE=InnoDB;
CREATE TABLE kolab_folders (
  folder_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, resource VARCHAR(255) NOT NULL, type VARCHAR(32) NOT NULL,
  ctag VARCHAR(40), KEY resource_type (resource, type)
) ENGINE=InnoDB;
CREATE TABLE kolab_cache_event (
  folder_id BIGINT UNSIGNED NOT NULL, msguid BIGINT UNSIGNED NOT NULL, uid VARCHAR(512) NOT NULL, data LONGTEXT NOT NULL,
  dtstart DATETIME, dtend DATETIME, PRIMARY KEY (folder_id, msguid),
  CONSTRAINT event_folder FOREIGN KEY (folder_id) REFERENCES kolab_folders (folder_id) ON DELETE CASCADE
) ENGINE=InnoDB;

CREATE VIEW people AS SELECT u.username, i.name, i.email FROM users u JOIN identities i ON i.user_id = u.user_id;
CREATE TRIGGER contact_words BEFORE UPDATE ON contacts FOR EACH ROW SET NEW.words = LOWER(CONCAT(NEW.name, ' ', NEW.email));
CREATE EVENT forget_sessions ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM session WHERE changed < NOW() - INTERVAL 10 DAY;
