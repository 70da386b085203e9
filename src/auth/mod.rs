//! Passwords, tokens, API keys and the keys they are signed with. Knows no database: who a token speaks of, and whether that
//! account still stands, is asked elsewhere.

mod access_token;
mod api_key;
mod checkpoint_key;
mod jws;
mod jwt_crypto;
mod opaque_token;
mod password_policy;
mod passwords;
mod signing_keys;
mod verified_tokens;

pub use self::{
    access_token::AccessTokens,
    api_key::KeyToken,
    checkpoint_key::{CheckpointKey, CheckpointPublicKey},
    opaque_token::RefreshToken,
    password_policy::{PasswordPolicy, generate_password},
    passwords::{Busy, Passwords, Priority, UNKNOWN_PASSWORD},
    signing_keys::SigningKeys,
};
