//! Site generators from the npm registry: documents in, pages out.

use super::rule::Rule;

pub(crate) const RULES: &[Rule] = &[
    Rule::generator("docusaurus", "Docusaurus", &["@docusaurus/core"])
        .configs(&["docusaurus.config"])
        .build("docusaurus build")
        .output("build")
        .caches(&[".docusaurus", "node_modules/.cache"]),
    Rule::generator("docusaurus-1", "Docusaurus 1", &["docusaurus"])
        .configs(&["siteConfig.js"])
        .build("docusaurus-build")
        .output("build"),
    Rule::generator("vitepress", "VitePress", &["vitepress"])
        .build("vitepress build")
        .output(".vitepress/dist"),
    Rule::generator("vuepress", "VuePress", &["vuepress"]).build("vuepress build").output(".vuepress/dist"),
    Rule::generator("eleventy", "Eleventy", &["@11ty/eleventy"])
        .configs(&[".eleventy.js", "eleventy.config"])
        .build("eleventy")
        .output("_site"),
    Rule::generator("hexo", "Hexo", &["hexo"]).build("hexo generate").output("public"),
    Rule::generator("gridsome", "Gridsome", &["gridsome"]).build("gridsome build").output("dist"),
    Rule::generator("observable", "Observable Framework", &["@observablehq/framework"])
        .configs(&["observablehq.config"])
        .build("observable build")
        .output("dist"),
    Rule::generator("phenomic", "Phenomic", &["phenomic", "@phenomic/core"])
        .build("phenomic build")
        .output("public"),
    Rule::generator("wintersmith", "Wintersmith", &["wintersmith"])
        .build("wintersmith build")
        .output("build"),
    Rule::generator("docpad", "DocPad", &["docpad"]).build("docpad generate").output("out"),
    Rule::generator("harp", "Harp", &["harp"]).build("harp compile . www").output("www"),
    Rule::generator("assemble", "Assemble", &["assemble"]).build("grunt build").output("dist"),
    Rule::generator("roots", "Roots", &["roots"]).build("roots compile").output("public"),
    Rule::generator("metalsmith", "Metalsmith", &["metalsmith"]).build("metalsmith").output("build"),
];
