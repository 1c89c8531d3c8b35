//! AWS Signature Version 4: signs what a request's `Authorization` header claims, with a secret that whoever wrote the
//! claim never sees.
//!
//! docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use crate::Url;
use crate::url::percent_encode;
use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const END: &str = "aws4_request";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// The digest of the body; without it [`sign`] needs all of it.
pub(crate) const PAYLOAD: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// What `AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…` says, but for
/// the id and the signature.
struct Claim<'a> {
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(ALGORITHM)?;
        let part =
            |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let (credential, signed) = (part("Credential")?, part("SignedHeaders")?);
        let mut scope = credential.split('/').skip(1);
        let (day, region, service) = (scope.next()?, scope.next()?, scope.next()?);
        let is_whole = scope.next() == Some(END) && scope.next().is_none();
        is_whole.then_some(Self { day, region, service, signed })
    }
}

/// Puts a signature with `secret`, the key of id `key_id`, in the place of the claimed one. `body` counts where
/// no header has its digest.
pub(crate) fn sign(
    (key_id, secret): (&str, &str),
    method: &Method,
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
) -> Result<(), &'static str> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let claim = text(&AUTHORIZATION).and_then(Claim::parse);
    let claim = claim.ok_or("it claims no AWS signature of version 4 to be made anew")?;
    let date = text(&DATE).filter(|date| date.starts_with(claim.day)).ok_or("its date is another")?;
    let payload = text(&PAYLOAD).map_or_else(|| format!("{:x}", Sha256::digest(body)), str::to_string);
    if payload.starts_with("STREAMING-AWS4") {
        return Err("its body is signed piece by piece, which cannot be done anew");
    }
    let mut canonical = format!("{method}\n{}\n{}\n", path(url, claim.service), query(url));
    if !claim.signed.split(';').any(|name| name == "host") {
        return Err("its signature does not cover the host");
    }
    for name in claim.signed.split(';') {
        let value = if name == "host" { url.authority() } else { value_of(headers, name)? };
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{}\n{payload}", claim.signed);
    let Claim { day, region, service, signed } = claim;
    let scope = format!("{day}/{region}/{service}/{END}");
    let digest = Sha256::digest(canonical.as_bytes());
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{digest:x}");
    let mut key = Zeroizing::new([b"AWS4", secret.as_bytes()].concat());
    for part in [day, region, service, END, &to_sign] {
        key = Zeroizing::new(keyed(&key, part)?);
    }
    let signature: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let claim = format!("Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let value = HeaderValue::from_str(&format!("{ALGORITHM} {claim}")).map_err(|_| "it is no header")?;
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn keyed(key: &[u8], text: &str) -> Result<Vec<u8>, &'static str> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| "the secret is no key")?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Every value of a header, without the white space that a proxy may change.
fn value_of(headers: &HeaderMap, name: &str) -> Result<String, &'static str> {
    let values: Option<Vec<String>> = headers
        .get_all(name)
        .iter()
        .map(|value| Some(value.to_str().ok()?.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    let values = values.filter(|values| !values.is_empty());
    values.map(|values| values.join(",")).ok_or("its signature covers a header that is not there, or no text")
}

/// As it is on the wire for S3, and encoded once more for all others.
fn path(url: &Url, service: &str) -> String {
    if service == "s3" {
        return url.path().to_string();
    }
    let mut path = String::new();
    for part in url.path().split_inclusive('/') {
        percent_encode(part.trim_end_matches('/'), &mut path);
        path.push_str(if part.ends_with('/') { "/" } else { "" });
    }
    path
}

fn query(url: &Url) -> String {
    let parts = url.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let mut pairs: Vec<(&str, &str)> = parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn claim(service: &str, region: &str, day: &str, signed: &str) -> String {
        format!(
            "{ALGORITHM} Credential=stand-in/{day}/{region}/{service}/aws4_request, SignedHeaders={signed}, Signature=0"
        )
    }

    fn signature(
        secret: &str,
        (method, url): (Method, &str),
        headers: &[(&'static str, &str)],
        claim: &str,
        body: &[u8],
    ) -> Result<String, &'static str> {
        let mut all: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        all.insert(AUTHORIZATION, claim.parse().unwrap());
        sign(("AKIDEXAMPLE", secret), &method, &url.parse().unwrap(), &mut all, body)?;
        let text = all[AUTHORIZATION].to_str().unwrap().to_string();
        assert!(text.starts_with(&format!("{ALGORITHM} Credential=AKIDEXAMPLE/20")), "{text}");
        Ok(text.rsplit_once("Signature=").unwrap().1.to_string())
    }

    /// Requests whose signatures AWS has published: the test suite of version 4, and the examples of S3's manual.
    #[test]
    fn a_signature_is_the_one_that_aws_has_published() {
        const DAY: &str = "20150830T123600Z";
        let of = |signed: &str| claim("service", "us-east-1", "20150830", signed);
        let plain = of("host;x-amz-date");
        for (method, url, headers, claim, body, expected) in [
            (
                Method::GET,
                "https://example.amazonaws.com/",
                vec![],
                &plain,
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                Method::POST,
                "https://example.amazonaws.com/",
                vec![],
                &plain,
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                Method::GET,
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                vec![],
                &plain,
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                Method::POST,
                "https://example.amazonaws.com/",
                vec![("content-type", "application/x-www-form-urlencoded")],
                &of("content-type;host;x-amz-date"),
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let headers = [headers, vec![("x-amz-date", DAY)]].concat();
            let found = signature(SECRET, (method.clone(), url), &headers, claim, body.as_bytes());
            assert_eq!(found.as_deref(), Ok(expected), "{method} {url}");
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let found = signature(
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            (Method::GET, "https://examplebucket.s3.amazonaws.com/test.txt"),
            &[("range", "bytes=0-9"), ("x-amz-content-sha256", empty), ("x-amz-date", "20130524T000000Z")],
            &claim("s3", "us-east-1", "20130524", "host;range;x-amz-content-sha256;x-amz-date"),
            b"not looked at",
        );
        assert_eq!(found, Ok("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41".to_string()));
    }

    #[test]
    fn what_cannot_be_signed_anew_is_an_error_and_nothing_is_changed() {
        let date = ("x-amz-date", "20150830T123600Z");
        let good = claim("service", "us-east-1", "20150830", "host;x-amz-date");
        for (claim, headers, said) in [
            ("Bearer x".to_string(), vec![date], "claims no"),
            (good.replace("/aws4_request", ""), vec![date], "claims no"),
            (good.replace("/aws4_request", "/aws4_request/x"), vec![date], "claims no"),
            (good.clone(), vec![], "date"),
            (good.clone(), vec![("x-amz-date", "20150831T000000Z")], "date"),
            (good.replace("host;", ""), vec![date], "cover the host"),
            (good.replace("host;", "host;x-other;"), vec![date], "not there"),
            (
                good,
                vec![date, ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")],
                "piece by piece",
            ),
        ] {
            let error =
                signature(SECRET, (Method::GET, "https://example.amazonaws.com/"), &headers, &claim, b"");
            assert!(error.is_err_and(|error| error.contains(said)), "{claim} {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn no_claim_makes_it_fall_over_or_shows_the_secret(claim in "(AWS4-HMAC-SHA256)?[ -~]{0,120}") {
            let date = [("x-amz-date", "20150830T123600Z")];
            if claim.parse::<HeaderValue>().is_ok() {
                let found = signature(SECRET, (Method::GET, "https://a.example/a%20b?c"), &date, &claim, b"");
                let shown = format!("{found:?}");
                prop_assert!(!shown.contains(SECRET));
            }
        }
    }
}
