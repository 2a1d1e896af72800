//! The table of PHP frameworks and products: the packages or files that show them, and the folder that is served.

/// What products have in common besides their document root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Laravel,
    Symfony,
    Drupal,
    WordPress,
    /// Needs more than a PHP process.
    Heavy,
    /// Writes pages ahead of time.
    Site,
    Plain,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Exact names; one that ends in `/` stands for a vendor.
    pub(crate) packages: &'static [&'static str],
    pub(crate) files: &'static [&'static str],
    /// The document root, or the output directory of a site generator.
    pub(crate) root: &'static str,
    pub(crate) family: Family,
    pub(crate) build: &'static str,
}

const fn rule(
    id: &'static str,
    name: &'static str,
    packages: &'static [&'static str],
    root: &'static str,
    family: Family,
) -> Rule {
    Rule { id, name, packages, files: &[], root, family, build: "" }
}

impl Rule {
    const fn files(self, files: &'static [&'static str]) -> Self {
        Self { files, ..self }
    }

    const fn build(self, build: &'static str) -> Self {
        Self { build, ..self }
    }
}

use Family::{Drupal, Heavy, Laravel, Plain, Site, Symfony, WordPress};

/// Products first, then the frameworks they are built on.
pub(crate) const RULES: &[Rule] = &[
    rule("jigsaw", "Jigsaw", &["tightenco/jigsaw"], "build_production", Site)
        .build("./vendor/bin/jigsaw build production"),
    rule("sculpin", "Sculpin", &["sculpin/sculpin"], "output_prod", Site)
        .build("./vendor/bin/sculpin generate --env=prod"),
    rule("cecil", "Cecil", &["cecil/cecil"], "_site", Site).build("./vendor/bin/cecil build"),
    rule("statamic", "Statamic", &["statamic/cms"], "public", Laravel),
    rule("aimeos", "Aimeos", &["aimeos/"], "public", Laravel),
    rule("october", "October CMS", &["october/"], ".", Laravel),
    rule("winter", "Winter CMS", &["winter/", "wintercms/"], ".", Laravel),
    rule("lumen", "Lumen", &["laravel/lumen-framework"], "public", Laravel),
    rule("laravel", "Laravel", &["laravel/framework"], "public", Laravel).files(&["artisan"]),
    rule("sylius", "Sylius", &["sylius/sylius", "sylius/core-bundle"], "public", Symfony),
    rule("sulu", "Sulu", &["sulu/sulu"], "public", Symfony),
    rule("pimcore", "Pimcore", &["pimcore/pimcore"], "public", Symfony),
    rule("shopware", "Shopware", &["shopware/core", "shopware/platform"], "public", Symfony),
    rule("ibexa", "Ibexa", &["ibexa/"], "public", Symfony),
    rule("oro", "Oro", &["oro/"], "public", Symfony),
    rule("contao", "Contao", &["contao/"], "public", Symfony),
    rule("bolt", "Bolt", &["bolt/core"], "public", Symfony),
    rule("mautic", "Mautic", &["mautic/core-lib", "mautic/core"], "public", Symfony),
    rule("roadiz", "Roadiz", &["roadiz/"], "public", Symfony),
    rule("uvdesk", "UVdesk", &["uvdesk/"], "public", Symfony),
    rule("akeneo", "Akeneo", &["akeneo/pim-community-dev"], "public", Heavy),
    rule("kunstmaan", "Kunstmaan", &["kunstmaan/"], "public", Symfony),
    rule("thelia", "Thelia", &["thelia/"], "web", Heavy),
    rule("spryker", "Spryker", &["spryker/", "spryker-shop/"], "public", Heavy),
    rule("magento", "Magento", &["magento/"], "pub", Heavy),
    rule("prestashop", "PrestaShop", &["prestashop/prestashop"], ".", Heavy),
    rule("drupal", "Drupal", &["drupal/core", "drupal/core-recommended"], "web", Drupal),
    rule(
        "bedrock",
        "WordPress (Bedrock)",
        &["roots/bedrock-autoloader", "roots/wordpress", "roots/bedrock"],
        "web",
        WordPress,
    ),
    rule("wordpress", "WordPress", &["johnpbloch/wordpress", "wordpress/"], ".", WordPress).files(&[
        "wp-config.php",
        "wp-load.php",
        "wp-config-sample.php",
    ]),
    rule("craft", "Craft CMS", &["craftcms/cms"], "web", Plain),
    rule("typo3", "TYPO3", &["typo3/cms-core"], "public", Plain),
    rule("neos", "Neos", &["neos/neos", "neos/flow"], "Web", Plain),
    rule("joomla", "Joomla", &["joomla/"], ".", Plain).files(&["administrator/index.php", "joomla.xml"]),
    rule("grav", "Grav", &["getgrav/grav", "rockettheme/toolbox"], ".", Plain).files(&["bin/grav"]),
    rule(
        "silverstripe",
        "Silverstripe",
        &["silverstripe/framework", "silverstripe/recipe-cms"],
        "public",
        Plain,
    ),
    rule("concrete", "Concrete CMS", &["concrete5/core", "concretecms/core"], "public", Plain),
    rule("picocms", "Pico", &["picocms/pico"], ".", Plain),
    rule(
        "api-platform",
        "API Platform",
        &["api-platform/core", "api-platform/symfony", "api-platform/api-pack"],
        "public",
        Symfony,
    ),
    rule("symfony", "Symfony", &["symfony/framework-bundle"], "public", Symfony),
    rule("cakephp", "CakePHP", &["cakephp/cakephp"], "webroot", Plain),
    rule("codeigniter", "CodeIgniter", &["codeigniter4/framework"], "public", Plain).files(&["spark"]),
    rule("laminas", "Laminas", &["laminas/laminas-mvc"], "public", Plain),
    rule("mezzio", "Mezzio", &["mezzio/mezzio"], "public", Plain),
    rule("yii2", "Yii", &["yiisoft/yii2"], "web", Plain),
    rule("spiral", "Spiral", &["spiral/framework"], "public", Heavy),
    rule("phalcon", "Phalcon", &["ext-phalcon", "phalcon/devtools"], "public", Plain),
    rule("slim", "Slim", &["slim/slim"], "public", Plain),
];
