//! t
#![allow(missing_docs)]
pub struct Change;
pub struct ChangeKind;
pub struct ChangeSet;
pub struct Concern;
pub struct Transaction;
pub struct TransactionError;
pub struct Undo;
