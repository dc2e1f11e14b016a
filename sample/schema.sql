CREATE TABLE secciones (
    id INTEGER PRIMARY KEY,
    nombre TEXT NOT NULL UNIQUE,
    edad_minima INTEGER NOT NULL CHECK (edad_minima >= 0),
    edad_maxima INTEGER NOT NULL,
    color VARCHAR(7) NOT NULL DEFAULT '#ffffff',
    cuota DECIMAL(10,2) NOT NULL DEFAULT 0,
    activa BOOLEAN NOT NULL DEFAULT 1,
    CONSTRAINT edades_en_orden CHECK (edad_maxima >= edad_minima)
);

CREATE TABLE usuarios (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    nombre VARCHAR(80) NOT NULL,
    apellidos VARCHAR(120) NOT NULL,
    email VARCHAR(160) NOT NULL UNIQUE,
    contraseña_hash VARCHAR(60) NOT NULL,
    rol TEXT NOT NULL DEFAULT 'familia'
        CHECK (rol IN ('admin', 'coordinador', 'scouter', 'familia', 'educando')),
    seccion_id INTEGER REFERENCES secciones (id) ON DELETE SET NULL,
    fecha_nacimiento DATE,
    telefono VARCHAR(20),
    activo BOOLEAN NOT NULL DEFAULT 1 CHECK (activo IN (0, 1)),
    estado TEXT NOT NULL DEFAULT 'pendiente'
        CHECK (estado IN ('pendiente', 'alta', 'baja')),
    foto TEXT,
    creado_en DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    actualizado_en DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE actividades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seccion_id INTEGER REFERENCES secciones (id) ON DELETE CASCADE,
    titulo VARCHAR(160) NOT NULL,
    descripcion TEXT NOT NULL DEFAULT '',
    lugar VARCHAR(160),
    latitud REAL,
    longitud REAL,
    inicio DATETIME NOT NULL,
    fin DATETIME,
    precio DECIMAL(10,2) NOT NULL DEFAULT 0 CHECK (precio >= 0),
    plazas INTEGER CHECK (plazas IS NULL OR plazas > 0),
    estado TEXT NOT NULL DEFAULT 'borrador'
        CHECK (estado IN ('borrador', 'publicada', 'cancelada')),
    CHECK (fin IS NULL OR fin >= inicio)
);

CREATE TABLE documentos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subido_por INTEGER NOT NULL REFERENCES usuarios (id) ON DELETE CASCADE,
    seccion_id INTEGER REFERENCES secciones (id) ON DELETE SET NULL ON UPDATE CASCADE,
    titulo VARCHAR(160) NOT NULL,
    ruta TEXT NOT NULL UNIQUE,
    tipo_mime VARCHAR(80) NOT NULL,
    tamaño_archivo INTEGER NOT NULL CHECK (tamaño_archivo > 0),
    publico BOOLEAN NOT NULL DEFAULT 0,
    estado TEXT NOT NULL DEFAULT 'pendiente'
        CHECK (estado IN ('pendiente', 'aprobado', 'rechazado')),
    subido_en DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    miniatura BLOB
);

CREATE TABLE mensajes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    autor_id INTEGER NOT NULL REFERENCES usuarios (id) ON DELETE RESTRICT,
    respuesta_a INTEGER REFERENCES mensajes (id) ON DELETE SET NULL,
    asunto VARCHAR(160) NOT NULL,
    cuerpo TEXT NOT NULL,
    prioridad INTEGER NOT NULL DEFAULT 0 CHECK (prioridad BETWEEN 0 AND 3),
    leido BOOLEAN NOT NULL DEFAULT 0,
    enviado_en DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE paginas (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug VARCHAR(120) NOT NULL UNIQUE,
    titulo VARCHAR(160) NOT NULL,
    contenido TEXT NOT NULL,
    autor_id INTEGER NOT NULL REFERENCES usuarios (id) ON DELETE RESTRICT,
    estado TEXT NOT NULL DEFAULT 'borrador'
        CHECK (estado IN ('borrador', 'publicada', 'archivada')),
    orden INTEGER NOT NULL DEFAULT 0,
    publicado_en DATETIME,
    UNIQUE (autor_id, titulo)
);

CREATE INDEX idx_secciones_activa ON secciones (activa);
CREATE INDEX idx_secciones_edades ON secciones (edad_minima, edad_maxima);
CREATE INDEX idx_usuarios_seccion ON usuarios (seccion_id);
CREATE INDEX idx_usuarios_rol ON usuarios (rol);
CREATE INDEX idx_usuarios_rol_activo ON usuarios (rol, activo);
CREATE INDEX idx_usuarios_apellidos ON usuarios (apellidos, nombre);
CREATE INDEX idx_usuarios_nacimiento ON usuarios (fecha_nacimiento);
CREATE INDEX idx_usuarios_creado ON usuarios (creado_en DESC);
CREATE INDEX idx_actividades_seccion ON actividades (seccion_id);
CREATE INDEX idx_actividades_inicio ON actividades (inicio);
CREATE INDEX idx_actividades_seccion_inicio ON actividades (seccion_id, inicio DESC);
CREATE INDEX idx_actividades_estado ON actividades (estado);
CREATE INDEX idx_actividades_lugar ON actividades (latitud, longitud);
CREATE INDEX idx_documentos_subido_por ON documentos (subido_por);
CREATE INDEX idx_documentos_seccion ON documentos (seccion_id);
CREATE INDEX idx_documentos_tipo ON documentos (tipo_mime);
CREATE INDEX idx_documentos_estado ON documentos (estado, publico);
CREATE INDEX idx_documentos_subido ON documentos (subido_en DESC);
CREATE INDEX "idx_documentos_tamaño" ON documentos (tamaño_archivo);
CREATE INDEX idx_mensajes_autor ON mensajes (autor_id);
CREATE INDEX idx_mensajes_respuesta ON mensajes (respuesta_a);
CREATE INDEX idx_mensajes_enviado ON mensajes (enviado_en DESC);
CREATE INDEX idx_mensajes_sin_leer ON mensajes (leido, enviado_en);
CREATE INDEX idx_mensajes_prioridad ON mensajes (prioridad, leido);
CREATE INDEX idx_mensajes_asunto ON mensajes (asunto);
CREATE INDEX idx_paginas_autor ON paginas (autor_id);
CREATE INDEX idx_paginas_estado ON paginas (estado, orden);
CREATE INDEX idx_paginas_publicado ON paginas (publicado_en);
CREATE UNIQUE INDEX idx_paginas_titulo_slug ON paginas (titulo, slug);
CREATE INDEX idx_paginas_busqueda ON paginas (titulo, contenido);

CREATE VIEW v_usuarios_activos AS
    SELECT u.id, u.nombre || ' ' || u.apellidos AS nombre_completo, u.rol, s.nombre AS seccion
    FROM usuarios u LEFT JOIN secciones s ON s.id = u.seccion_id
    WHERE u.activo = 1;

CREATE VIEW v_actividades_publicadas AS
    SELECT a.id, a.titulo, a.inicio, a.fin, ifnull(s.nombre, 'Todo el grupo') AS seccion
    FROM actividades a LEFT JOIN secciones s ON s.id = a.seccion_id
    WHERE a.estado = 'publicada';

CREATE VIEW v_documentos_por_seccion AS
    SELECT seccion_id, count(*) AS documentos, sum(tamaño_archivo) AS bytes
    FROM documentos GROUP BY seccion_id;

CREATE VIEW v_mensajes_sin_leer AS
    SELECT m.id, m.asunto, m.enviado_en, u.email
    FROM mensajes m JOIN usuarios u ON u.id = m.autor_id
    WHERE m.leido = 0;

CREATE TRIGGER trg_usuarios_actualizado AFTER UPDATE ON usuarios
BEGIN
    UPDATE usuarios SET actualizado_en = datetime('now') WHERE id = NEW.id;
END;

CREATE TRIGGER trg_paginas_publicacion AFTER UPDATE OF estado ON paginas
WHEN NEW.estado = 'publicada' AND OLD.estado <> 'publicada'
BEGIN
    UPDATE paginas SET publicado_en = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER trg_paginas_slug BEFORE INSERT ON paginas
WHEN NEW.slug GLOB '*[^a-z0-9-]*'
BEGIN
    SELECT RAISE(ABORT, 'slug no válido');
END;
