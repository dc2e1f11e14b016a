-- CHECKs of every kind of expression.
CREATE TABLE c (
    id INTEGER PRIMARY KEY,
    rol TEXT CHECK (rol IN ('admin', 'user')),
    activo BOOLEAN CHECK (activo IN (0, 1)),
    edad INTEGER CHECK (edad BETWEEN 0 AND 120),
    email TEXT CHECK (email LIKE '%_@_%.__%'),
    slug TEXT CHECK (slug NOT GLOB '*[^a-z0-9-]*' AND length(slug) > 1),
    tipo INTEGER CHECK (typeof(tipo) = 'integer' OR tipo IS NULL),
    inicio DATE, fin DATE,
    precio DECIMAL(8,2) CHECK (precio >= 0 AND round(precio, 2) = precio),
    nombre TEXT CHECK (trim(nombre) <> '' AND substr(nombre, -1) <> '.'),
    codigo TEXT CHECK (upper(codigo) = codigo AND instr(codigo, ' ') = 0),
    bits INTEGER CHECK (bits & 3 <> 3),
    cociente INTEGER CHECK (cociente / 2 < 10 AND cociente % 2 = 0),
    datos TEXT CHECK (json_valid(datos) OR datos IS NULL),
    estado TEXT CHECK (CASE estado WHEN 'a' THEN 1 WHEN 'b' THEN 1 ELSE 0 END),
    opcional TEXT CHECK (coalesce(opcional, 'x') <> '' AND ifnull(length(opcional), 0) < 5),
    CONSTRAINT orden CHECK (fin IS NULL OR fin >= inicio),
    CHECK (NOT (activo = 1 AND rol IS NULL)),
    CHECK (iif(activo, edad >= 18, 1)),
    CHECK (rol = "admin" OR rol = "user" OR rol IS NULL),
    CHECK (nombre || codigo <> 'xx'),
    CHECK (inicio >= '2000-01-01' AND fin < '2100-01-01')
);
INSERT INTO c VALUES
    (1, 'admin', 1, 30, 'a@b.es', 'ab-1', 5, '2024-01-01', '2024-02-01', 10.5, 'Ana', 'X1', 1, 4, '{}', 'a', NULL),
    (2, 'user', 0, 3, 'ñ@ñ.com', 'zz', 6, '2024-01-01', '2024-01-01', 0, 'Ñ', 'Y', 2, 18, NULL, 'b', 'yes');
