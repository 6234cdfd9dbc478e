// A whole plugin: example.words counts the words of a text file.

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/handler.h"

namespace {

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
  std::string Run(std::string_view parameters, remuda::TaskContext& context) {
    const std::string path = FileOf(parameters);
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    size_t words = 0;
    std::string word;
    while (file >> word && !context.StopRequested()) ++words;
    return "{\"words\":" + std::to_string(words) + "}";
  }
};

constexpr remuda_parameter kParameters[] = {
    {"file", "text", 1, "The text file whose words are counted."}};

constexpr remuda_job_type kJobTypes[] = {remuda::JobTypeOf<Words>(
    "example.words", "Counts the words of a text file.", "cpu", kParameters,
    1)};

constexpr remuda_manifest kManifest = {
    REMUDA_PLUGIN_ABI, sizeof(remuda_job_type), "example", "1.0", kJobTypes, 1};

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
