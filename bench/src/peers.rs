//! nginx and HAProxy as a good administrator would set them up for the same work.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::case::HOSTS;
use crate::process::{Server, free_port};

const NGINX: &str = "/usr/sbin/nginx";
const HAPROXY: &str = "/usr/sbin/haproxy";

/// Answers a few bytes; what everybody proxies to.
pub(crate) fn upstream(core: &str, folder: &Path) -> Result<Server> {
    let port = free_port()?;
    let site = format!(
        "access_log off;
         server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type text/plain; return 200 'Hello from the upstream.'; }} }}"
    );
    nginx("upstream", core, port, folder, &site)
}

/// Proxies by a map of hostnames; serves files with its cache of open ones; writes a buffered access log.
pub(crate) fn nginx_peer(core: &str, upstream: u16, folder: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut map = String::new();
    for number in 1..=HOSTS {
        writeln!(map, "app-{number}.bench.test app;")?;
    }
    let files = text(folder)?;
    let site = format!(
        "access_log {files}/nginx-access.log combined buffer=64k flush=1s;
         map_hash_bucket_size 128; map_hash_max_size 8192;
         open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s; gzip_static on;
         map $host $backend {{ hostnames; {map} }}
         upstream app {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
         server {{ listen 127.0.0.1:{port} backlog=4096 default_server; server_name _;
           location / {{ proxy_pass http://$backend; proxy_http_version 1.1; proxy_set_header Connection '';
             proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
             proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Request-Id $request_id;
             add_header X-Request-Id $request_id; }} }}
         server {{ listen 127.0.0.1:{port}; server_name site.bench.test; root {files}/site; }}"
    );
    nginx("nginx", core, port, folder, &site)
}

fn nginx(name: &'static str, core: &str, port: u16, folder: &Path, site: &str) -> Result<Server> {
    let root = text(folder)?;
    // One process, so that its CPU time is all there is; it keeps its rights, because the folder is private.
    let config = format!(
        "daemon off; master_process off; user root; error_log {root}/{name}-error.log; pid {root}/{name}.pid;
         worker_rlimit_nofile 65536; events {{ worker_connections 8192; multi_accept on; }}
         http {{ sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 75s; keepalive_requests 1000000000;
           types {{ text/plain txt; }} server_tokens off;
           client_body_temp_path {root}/{name}-body; proxy_temp_path {root}/{name}-proxy;
           fastcgi_temp_path {root}/{name}-fastcgi; uwsgi_temp_path {root}/{name}-uwsgi; scgi_temp_path {root}/{name}-scgi;
           {site} }}"
    );
    let path = folder.join(format!("{name}.conf"));
    fs_err::write(&path, config)?;
    Server::start(name, core, port, &[NGINX, "-e", &format!("{root}/{name}-start.log"), "-c", text(&path)?])
}

/// Proxies by a map of hostnames. Without an access log, which it writes only to a system's logger.
pub(crate) fn haproxy(core: &str, upstream: u16, folder: &Path) -> Result<Server> {
    let port = free_port()?;
    let mut map = String::new();
    for number in 1..=HOSTS {
        writeln!(map, "app-{number}.bench.test app")?;
    }
    let map_path = folder.join("haproxy.map");
    fs_err::write(&map_path, map)?;
    let map_path = text(&map_path)?;
    let config = format!(
        "global\n nbthread 1\n maxconn 8192\n\
         defaults\n mode http\n timeout connect 2s\n timeout client 75s\n timeout server 60s\n timeout http-keep-alive 75s\n\
         frontend visitors\n bind 127.0.0.1:{port} backlog 4096\n option forwardfor\n unique-id-format %[uuid()]\n \
         unique-id-header X-Request-Id\n use_backend %[req.hdr(host),lower,map({map_path})]\n\
         backend app\n http-reuse always\n server only 127.0.0.1:{upstream}\n"
    );
    let path = folder.join("haproxy.cfg");
    fs_err::write(&path, config)?;
    Server::start("HAProxy", core, port, &[HAPROXY, "-db", "-q", "-f", text(&path)?])
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder's name is not UTF-8")
}
