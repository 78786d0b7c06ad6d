INSERT INTO users (username, mail_host, created, language, preferences)
  SELECT CONCAT('user', seq, '@example.org'), 'imap1', '2015-03-04 00:00:00' + INTERVAL seq HOUR, 'de_DE',
         CONCAT('a:1:{s:8:"timezone";s:13:"Europe/Berlin";}', REPEAT(' ', seq % 50)) FROM seq_1_to_200;
INSERT INTO identities (user_id, changed, name, email, signature)
  SELECT user_id, created, CONCAT('Jörg Müller ', user_id), username, 'Viele Grüße\n-- \n😀' FROM users;
INSERT INTO contacts (user_id, changed, name, email, vcard, words)
  SELECT 1 + seq % 200, '2015-03-04' + INTERVAL seq MINUTE, CONCAT('Nováková ', seq), CONCAT('c', seq, '@example.com'),
         CONCAT('BEGIN:VCARD\nVERSION:3.0\nFN:Nováková ', seq, '\nNOTE:', SHA2(seq, 512), '\nEND:VCARD'), SHA1(seq)
  FROM seq_1_to_100000 WHERE seq <= @rows;
INSERT INTO contactgroups (user_id, name) SELECT 1 + seq % 200, CONCAT('group ', seq) FROM seq_1_to_100;
INSERT INTO contactgroupmembers SELECT 1 + contact_id % 100, contact_id FROM contacts;
INSERT INTO filestore (user_id, filename, data)
  SELECT 1 + seq % 200, CONCAT('file ''', seq, '''.bin'), UNHEX(REPEAT(CONCAT('000A0D1A5C2722FF', SHA2(seq, 512)), 20)) FROM seq_1_to_50;
INSERT INTO dictionary (user_id, language, data) VALUES (NULL, 'de', 'Koffer Straße größer'), (7, 'en', '');
INSERT INTO kolab_alarms SELECT CONCAT('alarm-', seq), 1 + seq % 200, NULL, seq % 2 FROM seq_1_to_100;
INSERT INTO `system` VALUES ('roundcube-version', '2022081200'), ('empty', NULL);

INSERT INTO session SELECT MD5(seq), '2015-03-04', '192.0.2.1', REPEAT(TO_BASE64(MD5(seq)), 10) FROM seq_1_to_300;
INSERT INTO cache SELECT 1 + seq % 200, CONCAT('key', seq), NULL, REPEAT(MD5(seq), 20) FROM seq_1_to_2000;
INSERT INTO cache_shared SELECT CONCAT('key', seq), NULL, REPEAT(MD5(seq), 20) FROM seq_1_to_200;
INSERT INTO cache_index SELECT seq, 'INBOX', 1, REPEAT(MD5(seq), 20) FROM seq_1_to_200;
INSERT INTO cache_thread SELECT seq, 'INBOX', REPEAT(MD5(seq), 20) FROM seq_1_to_200;
INSERT INTO cache_messages SELECT 1 + seq % 200, 'INBOX', seq, REPEAT(MD5(seq), 20) FROM seq_1_to_2000;
INSERT INTO kolab_folders (resource, type)
  SELECT CONCAT('imap://user', seq, '%40example.org@imap1/Calendar'), 'event' FROM seq_1_to_200;
INSERT INTO kolab_cache_event SELECT 1 + seq % 200, seq, UUID(), REPEAT(MD5(seq), 20), NOW(), NOW() FROM seq_1_to_2000;
