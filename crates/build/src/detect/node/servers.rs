//! Node servers. A package alone proves little, so each also needs a start script or an entry file that uses it.
//!
//! Frameworks that contain another one (Nest runs on Express) stand first.

use super::rule::Rule;

pub(crate) const RULES: &[Rule] = &[
    Rule::server("nestjs", "NestJS", &["@nestjs/core"]).build("nest build").start("node dist/main"),
    Rule::server("adonis", "AdonisJS", &["@adonisjs/core"])
        .configs(&["adonisrc.ts", ".adonisrc.json"])
        .build("node ace build")
        .start("node build/bin/server.js")
        .port(3333),
    Rule::server("strapi", "Strapi", &["@strapi/strapi", "strapi"])
        .build("strapi build")
        .start("strapi start")
        .port(1337)
        .caches(&[".cache"]),
    Rule::server("directus", "Directus", &["directus"])
        .start("npx --no-install directus bootstrap && npx --no-install directus start")
        .port(8055),
    Rule::server("payload", "Payload", &["payload"]),
    Rule::server("keystone", "Keystone", &["@keystone-6/core"])
        .build("keystone build")
        .start("keystone start"),
    Rule::server("medusa", "Medusa", &["@medusajs/medusa"])
        .build("medusa build")
        .start("medusa start")
        .port(9000),
    Rule::server("ghost", "Ghost", &["ghost"]).start("node current/index.js").port(2368),
    Rule::server("sails", "Sails", &["sails"]).start("node app.js").port(1337),
    Rule::server("loopback", "LoopBack", &["@loopback/core"]),
    Rule::server("feathers", "Feathers", &["@feathersjs/feathers"]).port(3030),
    Rule::server("moleculer", "Moleculer", &["moleculer"]),
    Rule::server("apollo-server", "Apollo Server", &["@apollo/server", "apollo-server"]).port(4000),
    Rule::server("graphql-yoga", "GraphQL Yoga", &["graphql-yoga"]).port(4000),
    Rule::server("fastify", "Fastify", &["fastify"]),
    Rule::server("elysia", "Elysia", &["elysia"]),
    Rule::server("hono", "Hono", &["hono"]),
    Rule::server("hapi", "hapi", &["@hapi/hapi"]),
    Rule::server("restify", "Restify", &["restify"]),
    Rule::server("koa", "Koa", &["koa"]),
    Rule::server("polka", "Polka", &["polka"]),
    Rule::server("h3", "H3", &["h3"]),
    Rule::server("express", "Express", &["express"]),
    Rule::server("trpc", "tRPC", &["@trpc/server"]).port(4000),
    Rule::server("socket-io", "Socket.IO", &["socket.io"]),
    Rule::server("ws", "ws", &["ws"]),
    Rule::server("discord-bot", "Discord bot", &["discord.js"]).port(0),
    Rule::server("telegram-bot", "Telegram bot", &["telegraf", "grammy", "node-telegram-bot-api"]).port(0),
];

/// Frameworks that answer on the project's own authority: their package as a dependency is proof enough.
pub(crate) const SELF_EVIDENT: &[&str] =
    &["nestjs", "adonis", "strapi", "directus", "payload", "keystone", "medusa", "ghost", "sails"];

/// Packages that come along with another server, which is the one that is meant.
pub(crate) const COMPANIONS: &[&str] =
    &["h3", "trpc", "socket-io", "ws", "apollo-server", "graphql-yoga", "discord-bot", "telegram-bot"];
