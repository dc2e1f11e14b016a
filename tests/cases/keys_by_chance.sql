-- Keys that a default fills by chance or by the clock: rows so made are the same, but not by name.
CREATE TABLE tokens (token TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))), note TEXT);
INSERT INTO tokens (note) VALUES ('uno'), ('dos');
CREATE TABLE visits (at DATETIME DEFAULT CURRENT_TIMESTAMP, who TEXT, PRIMARY KEY (at, who)) WITHOUT ROWID;
INSERT INTO visits VALUES ('2026-01-01 10:00:00', 'ana'), ('2026-01-02 10:00:00', 'eva');
