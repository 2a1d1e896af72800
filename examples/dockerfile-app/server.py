from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Pierhead example: dockerfile-app\n")


HTTPServer(("", 8080), Handler).serve_forever()
