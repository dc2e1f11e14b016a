-- A UUID that a foreign key joins to a text stays a text, as all that is joined to it.
CREATE TABLE users (id UUID PRIMARY KEY, name TEXT);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id UUID REFERENCES users (id));
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id), other UUID UNIQUE);
INSERT INTO users VALUES ('0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e', 'Ana');
INSERT INTO sessions (user_id) VALUES ('0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e'), (NULL);
INSERT INTO notes VALUES
    (1, '0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e', 'f0e1d2c3-b4a5-4687-9778-695a4b3c2d1e');
