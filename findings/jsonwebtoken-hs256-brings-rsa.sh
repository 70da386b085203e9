#!/usr/bin/env bash
# jsonwebtoken 11.1.0 (crates.io): who signs with HMAC alone still gets RSA and elliptic curves.
#
# The feature `rust_crypto` is one for all algorithms: with it `rsa` 0.9, `p256`, `p384` and `ed25519-dalek` are in the tree,
# 86 packages in the lock file. No feature asks for HMAC alone; without it the program has to bring a CryptoProvider of its
# own, which for HS256 needs `hmac` and `sha2`.
#
# Needs cargo. Nothing is compiled. Seen 2026-11-28:
#   with rust_crypto: rsa v0.9, p256, p384, ed25519-dalek
#   without:          none of them
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The packages of the tree among those named, with these features.
tree() {
    mkdir -p src
    echo 'fn main() {}' >src/main.rs
    cat >Cargo.toml <<TOML
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[dependencies]
jsonwebtoken = { version = "=11.1.0", default-features = false, features = [$1] }
TOML
    rm -f Cargo.lock
    cargo generate-lockfile -q
    cargo tree -q -e normal --prefix none | cut -d' ' -f1 | sort -u | grep -xE 'rsa|p256|p384|ed25519-dalek' | tr '\n' ' ' || true
}

with=$(tree '"rust_crypto"')
without=$(tree '')
echo "with rust_crypto: $with"
echo "without:          ${without:-none of them}"
[ "$with" = "ed25519-dalek p256 p384 rsa " ] && [ -z "$without" ]
