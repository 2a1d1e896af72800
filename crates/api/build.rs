//! Has this crate compiled again when the console was built anew: it holds the console's files.
//!
//! Only where they are put into the program; debug builds read them from their folder.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../../console/dist");
    }
}
