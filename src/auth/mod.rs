//! Passwords, tokens, API keys and signing keys. Uses no database: which account a token names, and whether it still
//! exists, is checked elsewhere.

mod access_token;
mod api_key;
mod checkpoint_key;
mod jws;
mod jwt_crypto;
mod password_policy;
mod passwords;
mod refresh_token;
mod signing_keys;
mod verified_tokens;

pub use self::{
    access_token::AccessTokens,
    api_key::KeyToken,
    checkpoint_key::{CheckpointKey, CheckpointPublicKey},
    password_policy::{PasswordPolicy, generate_password},
    passwords::{DUMMY_HASH, Passwords, Priority, QueueFull},
    refresh_token::RefreshToken,
    signing_keys::SigningKeys,
};
