//! AES-256-GCM: nonce, ciphertext and tag as one text, bound to a place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use secrecy::SecretSlice;

use super::SealError;
use crate::outside::Outside;

const NONCE_BYTES: usize = 12;

pub(super) fn seal(
    key: &[u8; 32],
    place: &str,
    plain: &[u8],
    outside: &dyn Outside,
) -> Result<String, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    outside.fill(&mut nonce);
    let mut sealed = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| SealError::Tampered)?;
    let mut bytes = nonce.to_vec();
    bytes.append(&mut sealed);
    Ok(BASE64.encode(bytes))
}

pub(super) fn open(key: &[u8; 32], place: &str, sealed: &str) -> Result<SecretSlice<u8>, SealError> {
    let mut bytes = BASE64.decode(sealed).map_err(|_| SealError::Format)?;
    if bytes.len() < NONCE_BYTES {
        return Err(SealError::Format);
    }
    let mut body = bytes.split_off(NONCE_BYTES);
    let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| SealError::Format)?;
    let plain = cipher(key)?
        .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
        .map_err(|_| SealError::Tampered)?;
    Ok(plain.to_vec().into())
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError::Key)?;
    Ok(LessSafeKey::new(key))
}
