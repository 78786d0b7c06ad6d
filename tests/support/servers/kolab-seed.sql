INSERT INTO policy_result (`key`, value, sender, recipient, created)
  SELECT 'verify', seq % 2, CONCAT('s', seq, '@example.com'), CONCAT('r', seq, '@example.org'), 1425427200 + seq FROM seq_1_to_1000;
INSERT INTO statistic (sender, recipient, count)
  SELECT CONCAT('s', seq, '@example.com'), CONCAT('r', seq, '@example.org'), seq FROM seq_1_to_1000;
INSERT INTO options VALUES ('preferredlanguage', '["de_DE","en_US","fr_FR"]'), ('c', '["DE","AT","CH"]');
INSERT INTO user_types (`key`, name, attributes, is_default)
  SELECT CONCAT('type', seq), CONCAT('Art ', seq, ' – größer'), CONCAT('{"auto_form_fields":{"cn":"', SHA2(seq, 512), '"}}'), seq = 1
  FROM seq_1_to_20;
INSERT INTO resources (name, booked, weight, mask)
  SELECT CONCAT('Raum ', seq), seq / 3, 1 / seq, seq % 256 FROM seq_1_to_1000;
