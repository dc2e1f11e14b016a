-- Statements of the app, run on both sides by the gate queries_come_to_the_same.

-- name: unread messages of an author
-- args: {"autor": 3}
SELECT asunto, enviado_en FROM mensajes WHERE autor_id = :autor AND leido = 0 ORDER BY enviado_en, id;

-- name: members by section
SELECT s.nombre, count(u.id) AS miembros FROM secciones s LEFT JOIN usuarios u
    ON u.seccion_id = s.id AND u.activo = 1 GROUP BY s.id ORDER BY s.nombre;

-- name: pages that mention a word
-- args: {"palabra": "%reuni%"}
SELECT slug FROM paginas WHERE titulo LIKE :palabra OR contenido LIKE :palabra ORDER BY slug;

-- name: months with activities
SELECT strftime('%Y-%m', inicio) AS mes, count(*), total(precio) FROM actividades
    WHERE estado <> 'cancelada' GROUP BY mes ORDER BY mes;

-- name: mark as read
-- args: {"autor": 3}
UPDATE mensajes SET leido = 1 WHERE autor_id = :autor AND leido = 0;

-- name: approve a document
-- args: {"id": 1}
-- postgres: UPDATE documentos SET estado = 'aprobado' WHERE id = %(id)s RETURNING id, estado
UPDATE documentos SET estado = 'aprobado' WHERE id = :id RETURNING id, estado;
