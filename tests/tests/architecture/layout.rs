//! The layout of the repository: what a crate is, by where it lies.

/// What a crate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    App,
    Contract,
    Extract,
    Kernel,
    KernelTypes,
    Module,
    Seam,
    SystemTests,
}

// === impl Role ===

impl Role {
    /// By the crate's folder, relative to the root of the repository; `None` when the layout has no such place.
    pub fn of(folder: &str) -> Option<Self> {
        match *folder.split('/').collect::<Vec<_>>() {
            ["app"] => Some(Self::App),
            ["extract", "seam"] => Some(Self::Seam),
            ["extract", _] => Some(Self::Extract),
            ["modules", "kernel"] => Some(Self::Kernel),
            ["modules", "kernel", "types"] => Some(Self::KernelTypes),
            ["modules", _] => Some(Self::Module),
            ["modules", _, "contract"] => Some(Self::Contract),
            ["tests"] => Some(Self::SystemTests),
            _ => None,
        }
    }

    /// Whether a crate with this role may depend on one of the workspace with the `other`.
    pub fn may_use(self, other: Self) -> bool {
        use Role::{App, Contract, Extract, Kernel, KernelTypes, Module, Seam, SystemTests};
        match self {
            KernelTypes => false,
            Seam => other == KernelTypes,
            Contract => matches!(other, KernelTypes | Seam),
            Kernel => matches!(other, KernelTypes | Seam),
            Module => matches!(other, KernelTypes | Seam | Kernel | Contract),
            Extract => matches!(other, KernelTypes | Seam | Kernel | Extract),
            App => matches!(other, KernelTypes | Seam | Kernel | Contract | Module | Extract),
            SystemTests => other != SystemTests,
        }
    }
}
