-- Who sees which rows. What has no policy here shows nothing, whatever is granted.
CREATE POLICY publicadas ON public.paginas FOR SELECT TO anon, authenticated USING (estado = 'publicada');
CREATE POLICY publicadas ON public.actividades FOR SELECT TO anon, authenticated USING (estado = 'publicada');
CREATE POLICY todas ON public.secciones FOR SELECT TO anon, authenticated USING (true);
CREATE POLICY propia ON public.usuarios FOR SELECT TO authenticated USING (auth_user_id = (SELECT auth.uid()));
-- Who edits pages: the role of the account as it is now; the one in a token may be an hour old.
CREATE FUNCTION privado.rol() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    AS $$ SELECT raw_app_meta_data ->> 'rol' FROM auth.users WHERE id = auth.uid() $$;
GRANT EXECUTE ON FUNCTION privado.rol() TO authenticated;
CREATE POLICY editan ON public.paginas FOR INSERT TO authenticated
    WITH CHECK ((SELECT privado.rol()) IN ('admin', 'coordinador'));
CREATE POLICY corrigen ON public.paginas FOR UPDATE TO authenticated
    USING ((SELECT privado.rol()) IN ('admin', 'coordinador'));
-- Photos are for who is signed in; documents for nobody but the app itself.
CREATE POLICY socios ON storage.objects FOR SELECT TO authenticated USING (bucket_id = 'fotos');
