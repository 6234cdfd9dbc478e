#include "workers/native/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

constexpr size_t kJobTypesMax = 64;
constexpr size_t kParametersMax = 64;

// More is no struct of a later version, but a mistake.
constexpr size_t kStructBytesMax = 4096;

// What version 1 had of each.
constexpr uint32_t kFirstAbi = 1;
constexpr size_t kFirstJobTypeBytes = offsetof(remuda_job_type, form);
constexpr size_t kFirstParameterBytes =
    offsetof(remuda_parameter, meaning) + sizeof(const char*);
static_assert(kFirstJobTypeBytes == 8 * sizeof(void*));

bool IsOneOf(const char* text, std::span<const std::string_view> words) {
  if (text == nullptr) return false;
  return std::find(words.begin(), words.end(), std::string_view(text)) !=
         words.end();
}

bool IsText(const char* text) {
  return text != nullptr && *text != '\0' &&
         ValidUtf8Prefix(text) == std::string_view(text).size();
}

// "vendor.type".
bool IsTypeName(const char* text) {
  if (!IsText(text)) return false;
  const std::string_view name = text;
  const size_t dot = name.find('.');
  return dot != name.npos && dot != 0 && name.back() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") ==
             name.npos;
}

// The i-th of structs that are `stride` long on the plugin's side. What it
// lacks of ours is zero, what it has beyond is not looked at.
template <typename Struct>
Struct At(const Struct* first, size_t i, size_t stride) {
  Struct one = {};
  std::memcpy(&one, reinterpret_cast<const char*>(first) + i * stride,
              std::min(stride, sizeof(Struct)));
  return one;
}

// What is wrong with the way in which a type's code is given.
std::string FaultOfCode(const remuda_job_type& type) {
  if ((type.make_state == nullptr) != (type.free_state == nullptr)) {
    return "has one of make_state and free_state alone";
  }
  if ((type.make_thread_state == nullptr) !=
      (type.free_thread_state == nullptr)) {
    return "has one of make_thread_state and free_thread_state alone";
  }
  switch (type.form) {
    case REMUDA_BLOCKING:
      return type.run == nullptr ? "has no run()" : "";
    case REMUDA_COROUTINE:
      if (type.start == nullptr) return "is a coroutine and has no start()";
      return type.make_thread_state == nullptr
                 ? ""
                 : "is a coroutine and has a state by thread";
    default:
      return "is of form " + std::to_string(type.form) +
             ", which this Remuda does not know";
  }
}

// What is wrong with it; empty: nothing.
std::string FaultOf(const PluginJobType& job_type) {
  static constexpr std::array<std::string_view, 4> kWorkloads = {
      "io", "blocking", "cpu", "vectorized"};
  static constexpr std::array<std::string_view, 7> kKinds = {
      "text", "integer", "number", "bool", "list", "map", "any"};
  const remuda_job_type& type = job_type.type;
  if (!IsTypeName(type.name)) return "a job type has no name like vendor.type";
  const std::string who = std::string("job type '") + type.name + "' ";
  if (!IsText(type.meaning)) return who + "has no meaning";
  if (!IsOneOf(type.workload, kWorkloads)) return who + "has no workload";
  const std::string fault = FaultOfCode(type);
  if (!fault.empty()) return who + fault;
  for (const remuda_parameter& parameter : job_type.parameters) {
    if (!IsText(parameter.name) || !IsText(parameter.meaning) ||
        !IsOneOf(parameter.kind, kKinds)) {
      return who + "has a parameter without a name, kind or meaning";
    }
  }
  return "";
}

// Whether the two were built for each other; empty: they were.
std::string FaultOfVersion(const remuda_manifest& manifest) {
  const std::string knows = " of the plugin interface, and this Remuda knows " +
                            std::to_string(kFirstAbi) + " to " +
                            std::to_string(REMUDA_PLUGIN_ABI);
  if (manifest.abi > REMUDA_PLUGIN_ABI) {
    return "it is of version " + std::to_string(manifest.abi) + knows +
           ": it needs a newer Remuda";
  }
  if (manifest.abi < kFirstAbi) {
    return "it is of version " + std::to_string(manifest.abi) + knows +
           ": build it again";
  }
  if (manifest.abi == kFirstAbi) {
    return manifest.job_type_size == kFirstJobTypeBytes
               ? ""
               : "its job types have another size than those of version 1";
  }
  if (manifest.host_size > sizeof(remuda_host)) {
    return "it was built for a newer Remuda, which can do more for a plugin "
           "than this one";
  }
  const size_t bytes[] = {manifest.job_type_size, manifest.parameter_size};
  const size_t least[] = {sizeof(remuda_job_type), sizeof(remuda_parameter)};
  for (size_t i = 0; i < 2; ++i) {
    if (bytes[i] < least[i] || bytes[i] > kStructBytesMax ||
        bytes[i] % alignof(void*) != 0) {
      return "its structs have another size than those of version 2";
    }
  }
  return "";
}

// Errors: InvalidArgument.
absl::StatusOr<PluginJobType> JobTypeAt(const remuda_manifest& manifest,
                                        size_t i, size_t parameter_bytes) {
  PluginJobType read;
  read.type = At(manifest.job_types, i, manifest.job_type_size);
  const remuda_parameter* parameters =
      std::exchange(read.type.parameters, nullptr);
  const size_t count = std::exchange(read.type.parameter_count, 0);
  if (count > kParametersMax || (count > 0 && parameters == nullptr)) {
    return absl::InvalidArgumentError(
        "a job type has no parameters, or more than " +
        std::to_string(kParametersMax));
  }
  for (size_t p = 0; p < count; ++p) {
    read.parameters.push_back(At(parameters, p, parameter_bytes));
  }
  const std::string fault = FaultOf(read);
  if (!fault.empty()) return absl::InvalidArgumentError(fault);
  return read;
}

std::string ParameterJson(const remuda_parameter& parameter) {
  return "{\"name\":" + JsonString(parameter.name) +
         ",\"kind\":" + JsonString(parameter.kind) +
         ",\"required\":" + (parameter.required != 0 ? "true" : "false") +
         ",\"meaning\":" + JsonString(parameter.meaning) + "}";
}

}  // namespace

absl::StatusOr<Plugin> PluginOf(const remuda_manifest* manifest) {
  if (manifest == nullptr) {
    return absl::InvalidArgumentError("it has no manifest");
  }
  const std::string fault = FaultOfVersion(*manifest);
  if (!fault.empty()) return absl::InvalidArgumentError(fault);
  if (!IsText(manifest->name) || !IsText(manifest->version)) {
    return absl::InvalidArgumentError("its manifest has no name or version");
  }
  if (manifest->job_types == nullptr || manifest->job_type_count == 0 ||
      manifest->job_type_count > kJobTypesMax) {
    return absl::InvalidArgumentError("it has no job types, or more than " +
                                      std::to_string(kJobTypesMax));
  }
  const size_t parameter_bytes = manifest->abi == kFirstAbi
                                     ? kFirstParameterBytes
                                     : manifest->parameter_size;
  Plugin plugin{.name = manifest->name,
                .version = manifest->version,
                .abi = manifest->abi,
                .job_types = {}};
  for (size_t i = 0; i < manifest->job_type_count; ++i) {
    auto read = JobTypeAt(*manifest, i, parameter_bytes);
    if (!read.ok()) return read.status();
    const std::string_view name = read->type.name;
    for (const PluginJobType& other : plugin.job_types) {
      if (name == other.type.name) {
        return absl::InvalidArgumentError("it names job type '" +
                                          std::string(name) + "' twice");
      }
    }
    plugin.job_types.push_back(*std::move(read));
  }
  return plugin;
}

absl::StatusOr<Plugin> LoadPlugin(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::InvalidArgumentError("cannot load plugin " + path + ": " +
                                      dlerror());
  }
  void* symbol = dlsym(library, "remuda_plugin");
  if (symbol == nullptr) {
    return absl::InvalidArgumentError(
        path + " is no plugin: it has no function remuda_plugin");
  }
  const auto ask = reinterpret_cast<const remuda_manifest* (*)()>(symbol);
  absl::StatusOr<Plugin> plugin = PluginOf(ask());
  if (plugin.ok()) return plugin;
  return absl::InvalidArgumentError("plugin " + path + ": " +
                                    std::string(plugin.status().message()));
}

std::string ManifestJson(const Plugin& plugin) {
  std::string text = "{\"name\":" + JsonString(plugin.name) +
                     ",\"version\":" + JsonString(plugin.version) +
                     ",\"abi\":" + std::to_string(plugin.abi) +
                     ",\"job_types\":[";
  for (const PluginJobType& job_type : plugin.job_types) {
    if (text.back() != '[') text += ',';
    text +=
        "{\"name\":" + JsonString(job_type.type.name) +
        ",\"meaning\":" + JsonString(job_type.type.meaning) +
        ",\"workload\":" + JsonString(job_type.type.workload) + ",\"form\":" +
        (job_type.is_coroutine() ? "\"coroutine\"" : "\"blocking\"") +
        ",\"thread_safe\":" + (job_type.is_thread_safe() ? "true" : "false") +
        ",\"parameters\":[";
    for (const remuda_parameter& parameter : job_type.parameters) {
      if (text.back() != '[') text += ',';
      text += ParameterJson(parameter);
    }
    text += "]}";
  }
  return text + "]}";
}

}  // namespace remuda
