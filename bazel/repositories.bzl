"""The libraries that come from Debian packages.

Each is a repository of its own, so that a target says which it uses, laid
over /usr: the headers and shared objects are those of the packages in
packages.txt. What a library needs stands in third_party/<name>.BUILD.
"""

_LIBRARIES = [
    "absl",
    "benchmark",
    "boost",
    "cli11",
    "curl",
    "googletest",
    "gumbo",
    "libxml2",
    "nlohmann_json",
    "openssl",
    "prometheus",
    "protobuf",
    "sodium",
    "spdlog",
    "sqlite",
    "vips",
    "yaml_cpp",
    "zeromq",
]

def system_libraries():
    for name in _LIBRARIES:
        native.new_local_repository(
            name = name,
            path = "/usr",
            build_file = "//bazel/third_party:%s.BUILD" % name,
        )
