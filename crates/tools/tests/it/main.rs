//! The catalogue against the outside: real shells' reading of a line, foreign manifests, random bytes.

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod renaming;
#[cfg(test)]
mod shells;
