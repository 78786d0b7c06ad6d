-- The directory-facing database of a Kolab host: policies' memory (kept and not kept), wallace's and the free/busy's own.
CREATE TABLE policy_result (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, `key` VARCHAR(16) NOT NULL, value TINYINT(1) NOT NULL, sender VARCHAR(64) NOT NULL,
  recipient VARCHAR(64) NOT NULL, created INT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE statistic (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, sender VARCHAR(64) NOT NULL, recipient VARCHAR(64) NOT NULL, count INT NOT NULL
) ENGINE=InnoDB;
CREATE TABLE options (attribute VARCHAR(128) NOT NULL PRIMARY KEY, option_values TEXT NOT NULL) ENGINE=InnoDB;
CREATE TABLE user_types (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, `key` TEXT NOT NULL, name VARCHAR(256) NOT NULL, attributes TEXT NOT NULL,
  is_default TINYINT(1) NOT NULL DEFAULT 0
) ENGINE=InnoDB;
CREATE TABLE resources (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(128) NOT NULL, booked DECIMAL(12,4) NOT NULL,
  weight DOUBLE NOT NULL, mask BIT(8) NOT NULL, stamp TIMESTAMP(6) NOT NULL DEFAULT '2015-03-04 05:06:07.123456'
) ENGINE=InnoDB;
CREATE PROCEDURE forget_results(IN days INT) DELETE FROM policy_result WHERE created < UNIX_TIMESTAMP() - 86400 * days;
