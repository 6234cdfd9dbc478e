"""The part of rules_cc that the build uses, from Bazel's own rules.

Debian's rules_cc is too new for its Bazel. With a newer Bazel, point the
repository in WORKSPACE at the real one and delete this folder.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
