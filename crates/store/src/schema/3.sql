-- Version 3. The highest tier that a session may read; NULL where the configuration's own counts.

ALTER TABLE sessions ADD COLUMN ceiling TEXT;
