//! The table of toolchains. A framework inside a language is a row of its own, above the language's plain row.

/// When a row is asked, relative to the languages that have a runtime image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    BeforePython,
    BeforeNode,
    AfterNode,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) runtime: &'static str,
    pub(crate) stage: Stage,
    /// One of these exists; `*.csproj` is any file with that extension.
    pub(crate) manifests: &'static [&'static str],
    /// And the manifest, or one of `look_into`, contains one of these.
    pub(crate) contains: &'static [&'static str],
    pub(crate) look_into: &'static [&'static str],
    pub(crate) install: &'static str,
    pub(crate) build: &'static str,
    pub(crate) start: &'static str,
    pub(crate) port: u16,
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// File (empty: the manifest) and pattern of the version.
    pub(crate) versions: &'static [(&'static str, &'static str)],
    pub(crate) inputs: &'static [&'static str],
    pub(crate) suggestion: &'static str,
}

const PLAIN: Rule = Rule {
    id: "",
    name: "",
    runtime: "",
    stage: Stage::BeforePython,
    manifests: &[],
    contains: &[],
    look_into: &[],
    install: "",
    build: "",
    start: "",
    port: 8080,
    variables: &[],
    versions: &[],
    inputs: &[],
    suggestion: "",
};

const GO: Rule = Rule {
    id: "go",
    name: "Go",
    runtime: "go",
    manifests: &["go.mod", "go.work", "main.go"],
    install: "go mod download",
    build: "CGO_ENABLED=0 go build -ldflags=\"-w -s\" -o out {program}",
    start: "./out",
    versions: &[("go.mod", r"(?m)^go\s+(\d+\.\d+(?:\.\d+)?)")],
    inputs: &["go.mod", "go.sum", "go.work", "go.work.sum"],
    ..PLAIN
};

const JAVA: Rule = Rule {
    runtime: "java",
    versions: &[
        (".java-version", r"(\d+)"),
        ("system.properties", r"java\.runtime\.version\s*=\s*(\d+)"),
        ("pom.xml", r"<(?:java\.version|maven\.compiler\.release)>(\d+)"),
        ("build.gradle", r"JavaLanguageVersion\.of\((\d+)\)"),
        ("build.gradle.kts", r"JavaLanguageVersion\.of\((\d+)\)"),
    ],
    inputs: &[
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "settings.gradle",
        "settings.gradle.kts",
        "gradle.properties",
    ],
    ..PLAIN
};

const MAVEN: Rule = Rule {
    manifests: &["pom.xml"],
    build: "./mvnw -B -DskipTests package",
    start: "java $JAVA_OPTS -Dserver.port=$PORT -jar target/*.jar",
    ..JAVA
};

const GRADLE: Rule = Rule {
    manifests: &["build.gradle", "build.gradle.kts"],
    build: "./gradlew clean build -x check -x test",
    start: "java $JAVA_OPTS -Dserver.port=$PORT -jar build/libs/*.jar",
    ..JAVA
};

const ANY_JVM: Rule = Rule { manifests: &["pom.xml", "build.gradle", "build.gradle.kts"], ..MAVEN };

const RUST: Rule = Rule {
    id: "rust",
    name: "Rust",
    runtime: "rust",
    manifests: &["Cargo.toml"],
    build: "cargo build --release --locked",
    start: "./target/release/{program}",
    variables: &[("ROCKET_ADDRESS", "0.0.0.0")],
    versions: &[
        ("rust-toolchain.toml", r#"channel\s*=\s*["']([\w.-]+)["']"#),
        ("rust-toolchain", r"(?m)^(\S+)"),
        ("Cargo.toml", r#"rust-version\s*=\s*["']([\d.]+)["']"#),
    ],
    inputs: &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"],
    ..PLAIN
};

const RUBY: Rule = Rule {
    runtime: "ruby",
    manifests: &["Gemfile"],
    install: "bundle install",
    start: "bundle exec rackup config.ru -o 0.0.0.0 -p $PORT",
    port: 9292,
    variables: &[("MALLOC_ARENA_MAX", "2"), ("RACK_ENV", "production")],
    versions: &[
        (".ruby-version", r"(\d+\.\d+(?:\.\d+)?)"),
        ("Gemfile", r#"(?m)^ruby\s+["'][^\d]*(\d+\.\d+(?:\.\d+)?)"#),
    ],
    inputs: &["Gemfile", "Gemfile.lock", ".ruby-version"],
    ..PLAIN
};

const ELIXIR: Rule = Rule {
    id: "elixir",
    name: "Elixir",
    runtime: "elixir",
    manifests: &["mix.exs"],
    install: "mix deps.get --only prod",
    build: "mix release",
    start: "_build/prod/rel/{program}/bin/{program} start",
    port: 4000,
    variables: &[("MIX_ENV", "prod")],
    versions: &[("mix.exs", r#"elixir:\s*"[^\d]*(\d+\.\d+)"#)],
    inputs: &["mix.exs", "mix.lock"],
    ..PLAIN
};

const DENO: Rule = Rule {
    id: "deno",
    name: "Deno",
    runtime: "deno",
    stage: Stage::BeforeNode,
    manifests: &["deno.json", "deno.jsonc"],
    install: "deno install",
    start: "deno task start",
    port: 8000,
    inputs: &["deno.json", "deno.jsonc", "deno.lock"],
    ..PLAIN
};

const DOTNET: Rule = Rule {
    runtime: "dotnet",
    stage: Stage::BeforeNode,
    manifests: &["*.csproj", "*.fsproj", "*.vbproj"],
    install: "dotnet restore",
    build: "dotnet publish --no-restore -c Release -o out",
    start: "ASPNETCORE_URLS=http://0.0.0.0:$PORT ./out/{program}",
    versions: &[("", r"<TargetFramework>net(\d+\.\d+)")],
    inputs: &["global.json", "nuget.config", "Directory.Packages.props"],
    ..PLAIN
};

const LATE: Rule = Rule { stage: Stage::AfterNode, ..PLAIN };

const RULES: &[Rule] = &[
    Rule { id: "gin", name: "Gin (Go)", manifests: &["go.mod"], contains: &["gin-gonic/gin"], ..GO },
    Rule { id: "fiber", name: "Fiber (Go)", manifests: &["go.mod"], contains: &["gofiber/fiber"], ..GO },
    Rule { id: "echo", name: "Echo (Go)", manifests: &["go.mod"], contains: &["labstack/echo"], ..GO },
    Rule { id: "chi", name: "chi (Go)", manifests: &["go.mod"], contains: &["go-chi/chi"], ..GO },
    Rule {
        id: "beego",
        name: "Beego (Go)",
        manifests: &["go.mod"],
        contains: &["beego/beego", "astaxie/beego"],
        ..GO
    },
    GO,
    Rule { id: "spring-boot", name: "Spring Boot (Maven)", contains: &["spring-boot"], ..MAVEN },
    Rule {
        id: "spring-boot-gradle",
        name: "Spring Boot (Gradle)",
        contains: &["org.springframework.boot", "spring-boot"],
        start: "java $JAVA_OPTS -Dserver.port=$PORT -jar $(ls build/libs/*.jar | grep -v plain)",
        ..GRADLE
    },
    Rule {
        id: "quarkus",
        name: "Quarkus",
        contains: &["io.quarkus"],
        start: "java -Dquarkus.http.host=0.0.0.0 -Dquarkus.http.port=$PORT -jar target/quarkus-app/quarkus-run.jar",
        ..ANY_JVM
    },
    Rule { id: "micronaut", name: "Micronaut", contains: &["io.micronaut"], ..ANY_JVM },
    Rule { id: "ktor", name: "Ktor", contains: &["io.ktor"], ..ANY_JVM },
    Rule { id: "dropwizard", name: "Dropwizard", contains: &["io.dropwizard"], ..ANY_JVM },
    Rule { id: "grails", name: "Grails", contains: &["org.grails"], ..GRADLE },
    Rule { id: "vertx", name: "Vert.x", contains: &["io.vertx"], ..ANY_JVM },
    Rule { id: "jooby", name: "Jooby", contains: &["io.jooby", "org.jooby"], ..ANY_JVM },
    Rule {
        id: "wildfly-swarm",
        name: "WildFly Swarm",
        contains: &["org.wildfly.swarm", "io.thorntail"],
        start: "java -Dswarm.http.port=$PORT -jar target/*.jar",
        ..MAVEN
    },
    Rule {
        id: "kotlin",
        name: "Kotlin",
        contains: &["org.jetbrains.kotlin", "kotlin(\"jvm\")"],
        build: GRADLE.build,
        start: GRADLE.start,
        ..ANY_JVM
    },
    Rule {
        id: "java",
        name: "Java (Maven)",
        manifests: &["pom.xml", "pom.atom", "pom.clj", "pom.groovy", "pom.rb", "pom.scala", "pom.yml"],
        ..MAVEN
    },
    Rule {
        id: "java-gradle",
        name: "Java (Gradle)",
        manifests: &["gradlew", "build.gradle", "build.gradle.kts"],
        ..GRADLE
    },
    Rule {
        id: "scala",
        name: "Scala",
        manifests: &["build.sbt"],
        build: "sbt stage",
        start: "target/universal/stage/bin/{program}",
        ..JAVA
    },
    Rule {
        id: "clojure",
        name: "Clojure",
        manifests: &["project.clj", "build.clj", "deps.edn"],
        build: "lein uberjar",
        start: "java $JAVA_OPTS -jar target/uberjar/*-standalone.jar",
        ..JAVA
    },
    Rule {
        id: "leptos",
        name: "Leptos (Rust)",
        contains: &["leptos"],
        build: "cargo leptos build --release",
        ..RUST
    },
    Rule { id: "axum", name: "axum (Rust)", contains: &["axum"], ..RUST },
    Rule { id: "actix-web", name: "Actix Web (Rust)", contains: &["actix-web"], ..RUST },
    Rule {
        id: "rocket",
        name: "Rocket (Rust)",
        contains: &["rocket"],
        start: "ROCKET_PORT=$PORT ./target/release/{program}",
        ..RUST
    },
    Rule { id: "warp", name: "warp (Rust)", contains: &["warp"], ..RUST },
    Rule { id: "poem", name: "Poem (Rust)", contains: &["poem"], ..RUST },
    RUST,
    Rule {
        id: "rails",
        name: "Ruby on Rails",
        contains: &["gem \"rails\"", "gem 'rails'", "Rails::Application"],
        look_into: &["config/application.rb"],
        build: "SECRET_KEY_BASE_DUMMY=1 bundle exec rake assets:precompile",
        start: "bin/rails server -b 0.0.0.0 -p ${PORT} -e production",
        port: 3000,
        variables: &[("MALLOC_ARENA_MAX", "2"), ("RAILS_ENV", "production"), ("RAILS_LOG_TO_STDOUT", "1")],
        suggestion: "set SECRET_KEY_BASE, and the release command to `bin/rails db:migrate`",
        ..RUBY
    },
    Rule {
        id: "hanami",
        name: "Hanami",
        contains: &["gem \"hanami\"", "gem 'hanami'"],
        start: "bundle exec puma -b tcp://0.0.0.0:$PORT",
        ..RUBY
    },
    Rule { id: "sinatra", name: "Sinatra", contains: &["gem \"sinatra\"", "gem 'sinatra'"], ..RUBY },
    Rule { id: "rack", name: "Rack", manifests: &["config.ru"], ..RUBY },
    Rule {
        id: "phoenix",
        name: "Phoenix",
        contains: &[":phoenix"],
        build: "mix assets.deploy && mix release",
        variables: &[("MIX_ENV", "prod"), ("PHX_SERVER", "true")],
        suggestion: "set SECRET_KEY_BASE (from `mix phx.gen.secret`) and DATABASE_URL",
        ..ELIXIR
    },
    ELIXIR,
    Rule {
        id: "fresh",
        name: "Fresh (Deno)",
        contains: &["fresh"],
        look_into: &["fresh.config.ts"],
        build: "deno task build",
        ..DENO
    },
    Rule {
        id: "lume",
        name: "Lume (Deno)",
        contains: &["lume/"],
        build: "deno task build",
        start: "deno run -A jsr:@std/http/file-server _site --host 0.0.0.0 --port $PORT",
        ..DENO
    },
    DENO,
    Rule { id: "aspnet", name: "ASP.NET Core", contains: &["Microsoft.NET.Sdk.Web"], ..DOTNET },
    Rule { id: "dotnet", name: ".NET", ..DOTNET },
    Rule {
        id: "gleam",
        name: "Gleam",
        runtime: "gleam",
        manifests: &["gleam.toml"],
        build: "gleam export erlang-shipment",
        start: "build/erlang-shipment/entrypoint.sh run",
        ..LATE
    },
    Rule {
        id: "crystal",
        name: "Crystal",
        runtime: "crystal",
        manifests: &["shard.yml"],
        install: "shards install --production",
        build: "shards build --release --static",
        start: "./bin/{program}",
        ..LATE
    },
    Rule {
        id: "dart",
        name: "Dart",
        runtime: "dart",
        manifests: &["pubspec.yaml"],
        install: "dart pub get",
        build: "dart compile exe bin/server.dart -o out",
        start: "./out",
        ..LATE
    },
    Rule {
        id: "vapor",
        name: "Vapor (Swift)",
        runtime: "swift",
        manifests: &["Package.swift"],
        contains: &["vapor/vapor"],
        build: "swift build -c release",
        start: ".build/release/App serve --hostname 0.0.0.0 --port $PORT",
        ..LATE
    },
    Rule {
        id: "swift",
        name: "Swift",
        runtime: "swift",
        manifests: &["Package.swift"],
        build: "swift build -c release",
        start: ".build/release/{program}",
        ..LATE
    },
    Rule {
        id: "haskell",
        name: "Haskell",
        runtime: "haskell",
        manifests: &["stack.yaml", "package.yaml", "*.cabal"],
        build: "stack install --local-bin-path out",
        start: "./out/{program}",
        ..LATE
    },
    Rule {
        id: "zig",
        name: "Zig",
        runtime: "zig",
        manifests: &["build.zig"],
        build: "zig build -Doptimize=ReleaseSafe",
        start: "./zig-out/bin/{program}",
        ..LATE
    },
    Rule {
        id: "cpp",
        name: "C++",
        runtime: "cpp",
        manifests: &["CMakeLists.txt", "meson.build"],
        build: "cmake -B out -DCMAKE_BUILD_TYPE=Release && cmake --build out",
        start: "./out/{program}",
        ..LATE
    },
];

pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}
