-- Every declared type is read by the rules of affinity and by what is stored.
CREATE TABLE declared (
    id INTEGER PRIMARY KEY,
    a tinyint, b mediumint, c int64, d string, e guid, f longvarchar, g interger, h enum,
    i point, j "floating point(5,10)", k, l DECIMAL(10,2), m NUMERIC, n REAL, o BLOB, p BOOLEAN
);
INSERT INTO declared VALUES
    (1, 1, 2, 9223372036854775807, 'x', 'a-b', 'long', 3, 'uno', 'POINT(1 2)', 1.5, 'any', 10.25, 7, 0.1, x'00ff', 1),
    (2, NULL, -2, -9223372036854775808, '', NULL, 'ñ', 4, 'dos', NULL, 2.5, 'thing', 3, 1.5, 9e999, x'', 0);
CREATE TABLE exact (id INTEGER PRIMARY KEY, n INT NOT NULL, r REAL, t TEXT, b BLOB, a ANY) STRICT;
INSERT INTO exact VALUES (1, 5, 1.5, 'text', x'01', 'any'), (2, 6, NULL, '', NULL, 7);
CREATE TABLE larger (id INTEGER PRIMARY KEY, n INTEGER, price DECIMAL(6,2));
INSERT INTO larger VALUES (1, 18446744073709551616, 1234.5), (2, 7, 0.25);
