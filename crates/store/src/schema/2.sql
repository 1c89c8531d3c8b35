-- What is remembered stands in Markdown files of the home; these tables find it again.
ALTER TABLE memory ADD COLUMN file TEXT;
CREATE INDEX memory_of_file ON memory (file) WHERE file IS NOT NULL;
CREATE TABLE memory_files (
  file TEXT PRIMARY KEY,
  stamp TEXT NOT NULL
) STRICT, WITHOUT ROWID;
