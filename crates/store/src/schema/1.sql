-- Version 1. Times are milliseconds since 1970, labels the label's one-line text. The digest of an
-- action is 64 hexadecimal digits, other digests are raw bytes.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  created INTEGER NOT NULL,
  active INTEGER NOT NULL,
  channel TEXT NOT NULL,
  role TEXT NOT NULL,
  principal TEXT NOT NULL,
  label TEXT NOT NULL,
  revoked INTEGER
) STRICT;
CREATE INDEX sessions_by_activity ON sessions (active DESC, id);

CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  session TEXT NOT NULL REFERENCES sessions (id),
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_by_session ON tasks (session, created);
CREATE INDEX tasks_going_on ON tasks (state) WHERE state IN ('running', 'waiting');

CREATE TABLE inbound (
  number INTEGER PRIMARY KEY,
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  message TEXT NOT NULL,
  session TEXT NOT NULL REFERENCES sessions (id),
  task TEXT NOT NULL REFERENCES tasks (id),
  role TEXT NOT NULL,
  principal TEXT NOT NULL,
  text TEXT NOT NULL,
  quoted TEXT,
  received INTEGER NOT NULL,
  UNIQUE (channel, account, message)
) STRICT;
CREATE INDEX inbound_by_task ON inbound (task);

CREATE TABLE items (
  session TEXT NOT NULL REFERENCES sessions (id),
  number INTEGER NOT NULL,
  task TEXT NOT NULL REFERENCES tasks (id),
  time INTEGER NOT NULL,
  label TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (session, number)
) STRICT;
CREATE INDEX items_by_task ON items (task, number);

CREATE TABLE effects (
  key TEXT PRIMARY KEY,
  session TEXT NOT NULL REFERENCES sessions (id),
  task TEXT NOT NULL REFERENCES tasks (id),
  tool TEXT NOT NULL,
  effect TEXT NOT NULL,
  digest TEXT NOT NULL,
  intent INTEGER NOT NULL,
  begun INTEGER NOT NULL,
  state TEXT NOT NULL,
  ended INTEGER,
  version INTEGER,
  outcome TEXT
) STRICT;
CREATE INDEX effects_by_task ON effects (task);
CREATE INDEX effects_begun ON effects (state) WHERE state = 'begun';

CREATE TABLE questions (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  session TEXT NOT NULL REFERENCES sessions (id),
  task TEXT NOT NULL REFERENCES tasks (id),
  call_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  effect TEXT NOT NULL,
  arguments TEXT NOT NULL,
  digest TEXT NOT NULL,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  rules TEXT NOT NULL,
  source TEXT NOT NULL,
  standing TEXT,
  asked INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  answer TEXT,
  answered INTEGER,
  answered_role TEXT,
  answered_by TEXT,
  used INTEGER
) STRICT;
CREATE INDEX questions_by_key ON questions (key);
CREATE INDEX questions_by_task ON questions (task);
CREATE INDEX questions_open ON questions (asked) WHERE answer IS NULL;

CREATE TABLE standing (
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  scope TEXT NOT NULL,
  words TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER
) STRICT;

CREATE TABLE file_labels (
  path BLOB PRIMARY KEY,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  digest BLOB NOT NULL,
  label TEXT NOT NULL,
  written INTEGER NOT NULL
) STRICT;
CREATE INDEX file_labels_by_file ON file_labels (device, inode);
CREATE INDEX file_labels_by_digest ON file_labels (digest);

CREATE TABLE ledgers (
  session TEXT PRIMARY KEY REFERENCES sessions (id),
  text TEXT NOT NULL,
  changed INTEGER NOT NULL
) STRICT;

CREATE TABLE sign_ins (
  digest BLOB NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  principal TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER,
  PRIMARY KEY (kind, digest)
) STRICT;

CREATE TABLE memory (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  label TEXT NOT NULL,
  session TEXT,
  created INTEGER NOT NULL
) STRICT;
CREATE VIRTUAL TABLE memory_words USING fts5 (text, content = 'memory', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER memory_added AFTER INSERT ON memory BEGIN
  INSERT INTO memory_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER memory_removed AFTER DELETE ON memory BEGIN
  INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.id, old.text);
END;

CREATE TABLE spend (
  model TEXT NOT NULL,
  day INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL,
  PRIMARY KEY (model, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE recipients (
  address TEXT PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX recipients_by_use ON recipients (last);
