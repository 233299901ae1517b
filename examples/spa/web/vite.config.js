// While one works on the front end Vite serves it, and hands everything else to
// the Go program. Requests keep their Host, so that cookies and the check of
// origins see one site.
const server = { target: "http://localhost:8000", changeOrigin: false };

export default {
  server: { port: 5173, strictPort: true, proxy: { "/auth": server, "/api": server } },
  build: { target: "es2022" },
};
