#include "workers/native/plugin.h"

#include <dlfcn.h>

#include <array>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

constexpr size_t kJobTypesMax = 64;
constexpr size_t kParametersMax = 64;

bool IsOneOf(const char* text, std::span<const std::string_view> words) {
  if (text == nullptr) return false;
  for (const std::string_view word : words) {
    if (word == text) return true;
  }
  return false;
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

// What is wrong with it; empty: nothing.
std::string FaultOf(const remuda_job_type& type) {
  static constexpr std::array<std::string_view, 4> kWorkloads = {
      "io", "blocking", "cpu", "vectorized"};
  static constexpr std::array<std::string_view, 7> kKinds = {
      "text", "integer", "number", "bool", "list", "map", "any"};
  if (!IsTypeName(type.name)) return "a job type has no name like vendor.type";
  const std::string who = std::string("job type '") + type.name + "' ";
  if (!IsText(type.meaning)) return who + "has no meaning";
  if (!IsOneOf(type.workload, kWorkloads)) return who + "has no workload";
  if (type.run == nullptr) return who + "has no run()";
  if ((type.make_state == nullptr) != (type.free_state == nullptr)) {
    return who + "has one of make_state and free_state alone";
  }
  if (type.parameter_count > kParametersMax) {
    return who + "has more than " + std::to_string(kParametersMax) +
           " parameters";
  }
  for (size_t i = 0; i < type.parameter_count; ++i) {
    const remuda_parameter& parameter = type.parameters[i];
    if (!IsText(parameter.name) || !IsText(parameter.meaning) ||
        !IsOneOf(parameter.kind, kKinds)) {
      return who + "has a parameter without a name, kind or meaning";
    }
  }
  return "";
}

std::string FaultOf(const remuda_manifest* manifest) {
  if (manifest == nullptr) return "it has no manifest";
  if (manifest->abi != REMUDA_PLUGIN_ABI) {
    return "it is of version " + std::to_string(manifest->abi) +
           " of the plugin interface, and this Remuda knows version " +
           std::to_string(REMUDA_PLUGIN_ABI) + "; build it again";
  }
  if (manifest->job_type_size != sizeof(remuda_job_type)) {
    return "its job types have another size than this Remuda's";
  }
  if (!IsText(manifest->name) || !IsText(manifest->version)) {
    return "its manifest has no name or version";
  }
  if (manifest->job_types == nullptr || manifest->job_type_count == 0 ||
      manifest->job_type_count > kJobTypesMax) {
    return "it has no job types, or more than " + std::to_string(kJobTypesMax);
  }
  for (size_t i = 0; i < manifest->job_type_count; ++i) {
    std::string fault = FaultOf(manifest->job_types[i]);
    if (!fault.empty()) return fault;
    for (size_t other = 0; other < i; ++other) {
      const std::string_view name = manifest->job_types[i].name;
      if (name == manifest->job_types[other].name) {
        return "it names job type '" + std::string(name) + "' twice";
      }
    }
  }
  return "";
}

}  // namespace
}  // namespace remuda

// What a plugin holds while its task runs.
struct remuda_task {
  const std::stop_token* stop;
  bool ended = false;
  remuda::HandlerResult result;
};

namespace remuda {
namespace {

void Succeed(remuda_task* task, const char* json, size_t length) {
  task->ended = true;
  task->result = {};
  task->result.output.assign(json, length);
  if (!IsJson(task->result.output)) {
    task->result = Failed("the plugin's result is no JSON");
  }
}

void Fail(remuda_task* task, const char* text, size_t length) {
  task->ended = true;
  const std::string_view bytes(text, length);
  task->result = Failed(std::string(bytes.substr(0, ValidUtf8Prefix(bytes))));
}

int StopRequested(remuda_task* task) {
  return task->stop->stop_requested() ? 1 : 0;
}

constexpr remuda_host kHost = {sizeof(remuda_host), &Succeed, &Fail,
                               &StopRequested};

// What the plugin made for itself.
class PluginState : public BlockingHandler::ThreadState {
 public:
  explicit PluginState(const remuda_job_type& type)
      : type_(type), made_(type.make_state()) {}
  ~PluginState() override {
    if (made_ != nullptr) type_.free_state(made_);
  }
  PluginState(const PluginState&) = delete;
  PluginState& operator=(const PluginState&) = delete;

  void* made() const { return made_; }

 private:
  const remuda_job_type& type_;
  void* made_;
};

// Runs one job type of a plugin.
//
// Thread: as BlockingHandler.
// Lifetime: within that of the manifest, which is the process's.
class PluginJobHandler : public BlockingHandler {
 public:
  explicit PluginJobHandler(const remuda_job_type& type) : type_(type) {}

  std::unique_ptr<ThreadState> MakeThreadState() override {
    if (type_.make_state == nullptr) return nullptr;
    return std::make_unique<PluginState>(type_);
  }

  HandlerResult Run(const Attempt&, const std::string& parameters,
                    ThreadState* state, const std::stop_token& stop) override {
    remuda_task task{.stop = &stop, .result = {}};
    void* made =
        state == nullptr ? nullptr : static_cast<PluginState*>(state)->made();
    type_.run(&kHost, &task, made, parameters.data(), parameters.size());
    if (task.ended) return std::move(task.result);
    if (stop.stop_requested()) return Stopped();
    return Failed("the plugin returned and did not say how the task ended");
  }

 private:
  const remuda_job_type& type_;
};

}  // namespace

absl::StatusOr<const remuda_manifest*> LoadPlugin(const std::string& path) {
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
  const remuda_manifest* manifest = ask();
  const std::string fault = FaultOf(manifest);
  if (!fault.empty()) {
    return absl::InvalidArgumentError("plugin " + path + ": " + fault);
  }
  return manifest;
}

BlockingHandlers HandlersOf(const remuda_manifest& manifest) {
  BlockingHandlers handlers;
  for (size_t i = 0; i < manifest.job_type_count; ++i) {
    const remuda_job_type& type = manifest.job_types[i];
    handlers.emplace(type.name, std::make_unique<PluginJobHandler>(type));
  }
  return handlers;
}

std::string ManifestJson(const remuda_manifest& manifest) {
  std::string text = "{\"name\":" + JsonString(manifest.name) +
                     ",\"version\":" + JsonString(manifest.version) +
                     ",\"abi\":" + std::to_string(manifest.abi) +
                     ",\"job_types\":[";
  for (size_t i = 0; i < manifest.job_type_count; ++i) {
    const remuda_job_type& type = manifest.job_types[i];
    if (i > 0) text += ',';
    text += "{\"name\":" + JsonString(type.name) +
            ",\"meaning\":" + JsonString(type.meaning) +
            ",\"workload\":" + JsonString(type.workload) + ",\"parameters\":[";
    for (size_t p = 0; p < type.parameter_count; ++p) {
      const remuda_parameter& parameter = type.parameters[p];
      if (p > 0) text += ',';
      text += "{\"name\":" + JsonString(parameter.name) +
              ",\"kind\":" + JsonString(parameter.kind) +
              ",\"required\":" + (parameter.required != 0 ? "true" : "false") +
              ",\"meaning\":" + JsonString(parameter.meaning) + "}";
    }
    text += "]}";
  }
  return text + "]}";
}

}  // namespace remuda
