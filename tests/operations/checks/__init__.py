# SPDX-License-Identifier: Apache-2.0
"""All checks: importing this fills trial.CHECKS, in the order of the families."""
from checks import (states, states_fd, opening, writing, sizes, copies, names, shown, symlinks, xattrs, folders, folder_modes, attributes,  # noqa: F401
                    unnamed, hardlinks, sharing, mapping, syncing, refusals, enforcing, odd)
