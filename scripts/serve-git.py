#!/usr/bin/env python3
"""Serves the folders below a directory as git repositories over smart HTTP, on loopback, for demonstrations and tests.

    serve-git.py FOLDER PORT_FILE

Each folder NAME becomes http://127.0.0.1:PORT/NAME.git with one commit of its files. The port is written to PORT_FILE.
Pushes are possible, so that a test can change a repository. With GIT_SERVE_CERTIFICATE (a certificate and its key in one
file) it speaks TLS, and with GIT_SERVE_ACCOUNT (NAME:TOKEN) nobody else gets in.
"""
import base64
import http.server
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile

source, port_file = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
repositories = pathlib.Path(tempfile.mkdtemp(prefix="pierhead-git-"))
account, certificate = os.environ.get("GIT_SERVE_ACCOUNT"), os.environ.get("GIT_SERVE_CERTIFICATE")
clean = {
    "PATH": os.environ["PATH"], "HOME": str(repositories), "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Pierhead", "GIT_AUTHOR_EMAIL": "demo@pierhead.invalid",
    "GIT_COMMITTER_NAME": "Pierhead", "GIT_COMMITTER_EMAIL": "demo@pierhead.invalid",
}


def git(*arguments, cwd):
    subprocess.run(["git", *arguments], cwd=cwd, env=clean, check=True, stdout=subprocess.DEVNULL)


for folder in sorted(path for path in source.iterdir() if path.is_dir()):
    bare = repositories / f"{folder.name}.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare), cwd=repositories)
    git("config", "http.receivepack", "true", cwd=bare)
    environment = dict(clean, GIT_DIR=str(bare), GIT_WORK_TREE=str(folder))
    for arguments in (["add", "--all"], ["commit", "--quiet", "--message", f"Add {folder.name}"]):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def admitted(self):
        """Whether the request shows the account; otherwise it is told to."""
        wanted = account and "Basic " + base64.b64encode(account.encode()).decode()
        if not wanted or self.headers.get("authorization") == wanted:
            return True
        self.send_response(401)
        self.send_header("www-authenticate", 'Basic realm="git"')
        self.send_header("content-length", "0")
        self.end_headers()
        return False

    def do_GET(self):
        if self.admitted():
            self.answer(b"")

    def do_POST(self):
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.admitted():
            self.answer(body)

    def answer(self, body):
        path, _, query = self.path.partition("?")
        environment = dict(
            clean, GIT_PROJECT_ROOT=str(repositories), GIT_HTTP_EXPORT_ALL="1", REQUEST_METHOD=self.command,
            PATH_INFO=path, QUERY_STRING=query, REMOTE_USER="demo", CONTENT_LENGTH=str(len(body)),
            CONTENT_TYPE=self.headers.get("content-type", ""), GIT_PROTOCOL=self.headers.get("git-protocol", ""),
            HTTP_CONTENT_ENCODING=self.headers.get("content-encoding", ""),
        )
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.send_response(status)
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
port_file.write_text(str(server.server_address[1]))
server.serve_forever()
