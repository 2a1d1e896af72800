"""The shop's API: what the database holds, as JSON."""
import json
import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUERY = "SELECT json_agg(products ORDER BY name) FROM products"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = subprocess.run(
            ["psql", os.environ["DATABASE_URL"], "--no-psqlrc", "--tuples-only", "--no-align", "--command", QUERY],
            capture_output=True, text=True, check=False,
        )
        good = found.returncode == 0
        answer = {"version": os.environ["VERSION"], "products": json.loads(found.stdout)} if good else {"error": found.stderr}
        body = json.dumps(answer).encode()
        self.send_response(200 if good else 500)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        print(self.path, *arguments[1:2], flush=True)


ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
