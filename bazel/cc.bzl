"""The C++ rules of this house: every flag that is not in .bazelrc.

Nothing else loads cc_* rules, so that a change of Bazel or of the flags is a
change of this file.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Werror",
    # g++ 12 reports these two in correct code of its own library when it
    # inlines strings and optionals.
    "-Wno-restrict",
    "-Wno-maybe-uninitialized",
    # Part of -Wconversion for clang alone; the two should agree.
    "-Wno-sign-conversion",
    # Designated initialisers name what differs from the default; the rest is
    # value-initialised, which is the point of them.
    "-Wno-missing-field-initializers",
]

_PRIVATE = ["//visibility:private"]

# Suppressions and settings that hold in every program under a sanitizer.
_SANITIZERS = ["//bazel:sanitizer_options"]

def remuda_cc_library(
        name,
        hdrs = [],
        srcs = [],
        deps = [],
        copts = [],
        visibility = _PRIVATE,
        **kwargs):
    """One header and its source.

    Objects only, no shared object: programs link what they use once.
    """
    cc_library(
        name = name,
        hdrs = hdrs,
        srcs = srcs,
        copts = _WARNINGS + copts,
        linkstatic = True,
        visibility = visibility,
        deps = deps,
        **kwargs
    )

def remuda_cc_binary(
        name,
        srcs = [],
        deps = [],
        copts = [],
        visibility = _PRIVATE,
        **kwargs):
    """A program, or with linkshared a plugin."""
    cc_binary(
        name = name,
        srcs = srcs,
        copts = _WARNINGS + copts,
        visibility = visibility,
        deps = deps + ([] if kwargs.get("linkshared") else _SANITIZERS),
        **kwargs
    )

def remuda_cc_test(
        name,
        size,
        srcs = [],
        deps = [],
        copts = [],
        tags = [],
        sanitize = False,
        **kwargs):
    """A GoogleTest program.

    `sanitize` puts it in the sanitizer runs of ./test: "thread" where threads
    meet, "address" where one thread's memory is the question, True for both.
    (tsan sees memory that is used after it was freed, too.)

    The test's own source is not optimised: that halves its compile time and
    changes nothing in the code that it tests.
    """
    if sanitize not in [False, True, "address", "thread"]:
        fail("sanitize is \"address\", \"thread\", True or False", "sanitize")
    cc_test(
        name = name,
        size = size,
        srcs = srcs,
        copts = _WARNINGS + ["-O0"] + copts,
        linkstatic = True,
        tags = tags + [
            "sanitize-" + kind
            for kind in ["address", "thread"]
            if sanitize == kind or sanitize == True
        ],
        deps = deps + ["@googletest//:gtest_main"] + _SANITIZERS,
        **kwargs
    )

def remuda_cc_fuzz(
        name,
        srcs,
        deps = [],
        seeds = [],
        dictionary = None,
        copts = [],
        tags = []):
    """A LLVMFuzzerTestOneInput, as a test.

    Under --config=fuzz libFuzzer looks for bad inputs for some seconds; in
    every other configuration the seeds are played once. `seeds` are files: one
    input each. What once broke something belongs there.
    """
    program = name + "_program"
    cc_binary(
        name = program,
        testonly = True,
        srcs = srcs,
        copts = _WARNINGS + copts,
        linkopts = select({
            "//bazel:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["manual"],
        visibility = _PRIVATE,
        deps = deps + select({
            "//bazel:fuzzing": [],
            "//conditions:default": ["//bazel:play_seeds"],
        }) + _SANITIZERS,
    )
    words = [dictionary] if dictionary else []
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["//bazel:run_fuzzer.sh"],
        args = ["$(location %s)" % program] + select({
            "//bazel:fuzzing": ["--fuzz"],
            "//conditions:default": ["--play"],
        }) + ["$(location %s)" % word for word in words] + ["--"] +
               ["$(location %s)" % seed for seed in seeds],
        data = [program] + words + seeds,
        tags = tags + ["fuzz"],
    )

def remuda_cc_benchmark(
        name,
        srcs = [],
        deps = [],
        copts = [],
        tags = [],
        **kwargs):
    """A Google Benchmark program: bazel run //folder:name."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = _WARNINGS + copts,
        tags = tags + ["benchmark"],
        visibility = _PRIVATE,
        deps = deps + ["@benchmark//:benchmark_main"],
        **kwargs
    )

def remuda_proto_library(name, src, deps = [], visibility = _PRIVATE):
    """C++ for one .proto file, included as "folder/name.pb.h".

    The generated header declares itself a system header, because it would not
    pass our warnings; `deps` names the libraries of the files it imports.
    """
    stem = src[:-len(".proto")]
    header = stem + ".pb.h"
    source = stem + ".pb.cc"
    native.genrule(
        name = name + "_protoc",
        srcs = [src],
        outs = [header, source],
        cmd = " && ".join([
            "protoc -I. --cpp_out=$(GENDIR) $(location %s)" % src,
            "sed -i '1i #pragma GCC system_header' $(location %s)" % header,
        ]),
        message = "Generating C++ of",
        visibility = _PRIVATE,
    )
    cc_library(
        name = name,
        hdrs = [header],
        srcs = [source],
        copts = ["-w"],
        linkstatic = True,
        visibility = visibility,
        deps = deps + ["@protobuf//:protobuf"],
    )
