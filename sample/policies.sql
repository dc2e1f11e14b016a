-- Who sees which rows. What has no policy here shows nothing, whatever is granted.
CREATE POLICY publicadas ON public.paginas FOR SELECT TO anon, authenticated USING (estado = 'publicada');
CREATE POLICY publicadas ON public.actividades FOR SELECT TO anon, authenticated USING (estado = 'publicada');
CREATE POLICY todas ON public.secciones FOR SELECT TO anon, authenticated USING (true);
CREATE POLICY propia ON public.usuarios FOR SELECT TO authenticated USING (auth_user_id = (SELECT auth.uid()));
