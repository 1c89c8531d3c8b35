//! The store from outside: what is kept, what is refused, what survives.
#![forbid(unsafe_code)]

#[cfg(test)]
mod crash;
#[cfg(test)]
mod full;
#[cfg(test)]
mod home;
#[cfg(test)]
mod house;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod turns;
