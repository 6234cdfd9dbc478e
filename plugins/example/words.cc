// A whole plugin of the blocking form: example.words counts the words of a
// text file.

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

// The text of the member "file": plugins bring the JSON library they like,
// and this one needs only a plain path.
std::string FileOf(std::string_view parameters) {
  constexpr std::string_view kStart = "\"file\":\"";
  const size_t start = parameters.find(kStart);
  if (start == std::string_view::npos) throw std::runtime_error("no file");
  const std::string_view rest = parameters.substr(start + kStart.size());
  const std::string_view path = rest.substr(0, rest.find('"'));
  if (path.find('\\') != std::string_view::npos) {
    throw std::runtime_error("a path with escapes is not supported yet");
  }
  return std::string(path);
}

class Words {
 public:
  // Run() keeps nothing in the object.
  static constexpr bool kThreadSafe = true;

  // Files that one thread has counted, and the room for a word, which is not
  // made anew for each.
  struct PerThread {
    std::string word;
    size_t files = 0;
  };

  std::string Run(std::string_view parameters, plugin::TaskContext& context) {
    const std::string path = FileOf(parameters);
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    auto& mine = context.PerThread<PerThread>();
    size_t words = 0;
    while (file >> mine.word && !context.StopRequested()) ++words;
    context.Log(
        plugin::Level::kInfo,
        path + " is file " + std::to_string(++mine.files) + " of this thread");
    return "{\"words\":" + std::to_string(words) + "}";
  }
};

constexpr remuda_parameter kParameters[] = {
    {"file", "text", 1, "The text file whose words are counted."}};

constexpr remuda_job_type kJobTypes[] = {
    plugin::JobTypeOf<Words>({.name = "example.words",
                              .meaning = "Counts the words of a text file.",
                              .workload = "cpu",
                              .parameters = kParameters})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("example", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
