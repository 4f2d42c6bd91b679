//! Asks the linker for packed relative relocations: what the loader reads and writes at each start
//! is then a few KiB instead of over a MiB, all of which would stay resident.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells the target by the environment alone"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg=-Wl,-z,pack-relative-relocs");
    }
}
