//! All the tools there are, by name.

use crate::call::{self, CallError};
use crate::codec::{self, ManifestError};
use crate::manifest::Manifest;
use crate::schema;
use domain::{Call, ProposedCall, ToolName, ToolSchema};
use std::collections::BTreeMap;

/// The manifests of Hardshell's own tools, a file a namespace.
const BUILTIN: [&str; 6] = [
    include_str!("../manifests/files.toml"),
    include_str!("../manifests/host.toml"),
    include_str!("../manifests/mail.toml"),
    include_str!("../manifests/memory.toml"),
    include_str!("../manifests/shell.toml"),
    include_str!("../manifests/web.toml"),
];

/// Tools by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    tools: BTreeMap<ToolName, Manifest>,
}

/// Why manifests were not put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A manifest could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Two manifests describe one name.
    #[error("put the manifests together: `{tool}` is described twice")]
    Twice {
        /// The name.
        tool: ToolName,
    },
}

impl Catalog {
    /// Hardshell's own tools.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when an embedded manifest is broken, which a test rules out.
    pub fn builtin() -> Result<Self, CatalogError> {
        BUILTIN.into_iter().try_fold(Self::default(), |catalog, text| catalog.with(Self::from_toml(text)?))
    }

    /// The tools of one manifest file.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when the text is not TOML of version 1, a manifest contradicts itself, or a name stands twice.
    pub fn from_toml(text: &str) -> Result<Self, CatalogError> {
        let manifests = codec::read_manifests(text)?;
        manifests.into_iter().try_fold(Self::default(), Self::with_manifest)
    }

    /// These tools and `more`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Twice`] when both describe a name: no source of manifests may change another's.
    pub fn with(self, more: Self) -> Result<Self, CatalogError> {
        more.tools.into_values().try_fold(self, Self::with_manifest)
    }

    /// These tools and one more.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Twice`] when it is there already.
    pub fn with_manifest(mut self, manifest: Manifest) -> Result<Self, CatalogError> {
        let tool = manifest.name().clone();
        if self.tools.contains_key(&tool) {
            return Err(CatalogError::Twice { tool });
        }
        self.tools.insert(tool, manifest);
        Ok(self)
    }

    /// The manifest of `tool`.
    #[must_use]
    pub fn manifest(&self, tool: &ToolName) -> Option<&Manifest> {
        self.tools.get(tool)
    }

    /// Every manifest, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Manifest> {
        self.tools.values()
    }

    /// What a model is told about the tools that `offered` picks, by name.
    #[must_use]
    pub fn schema_for_model(&self, offered: impl Fn(&ToolName) -> bool) -> Vec<ToolSchema> {
        self.iter().filter(|manifest| offered(manifest.name())).map(schema::schema).collect()
    }

    /// Parses a call as a model wrote it.
    ///
    /// # Errors
    ///
    /// [`CallError`], worded for the model, so that it can do better.
    pub fn parse_proposed(&self, proposed: &ProposedCall) -> Result<Call, CallError> {
        self.parse(&proposed.tool, &proposed.arguments)
    }

    /// Parses a call of `tool` with `arguments`, a JSON object; an empty text is an empty object.
    ///
    /// # Errors
    ///
    /// [`CallError`], worded for the model, so that it can do better.
    pub fn parse(&self, tool: &str, arguments: &str) -> Result<Call, CallError> {
        let found = tool.parse::<ToolName>().ok().and_then(|name| self.tools.get(&name));
        let manifest = found.ok_or_else(|| {
            let names = self.tools.keys().map(ToolName::as_str);
            CallError::NoSuchTool { tool: call::cut(tool), meant: call::nearest(tool, names) }
        })?;
        call::parse(manifest, arguments)
    }
}
