#include "jobs/lock_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <set>
#include <utility>

#include "jobs/json_text.h"
#include "jobs/nearest_name.h"
#include "jobs/spec_context.h"
#include "jobs/spec_text.h"
#include "jobs/yaml_tree.h"

namespace remuda {
namespace {

const std::vector<std::string> kHeadKeys = {"apiVersion", "kind", "executors"};
const std::vector<std::string> kEntryKeys = {"type",   "function", "executor",
                                             "reason", "gain",     "since"};

class LockReader {
 public:
  explicit LockReader(SpecContext& context) : context_(context) {}

  std::vector<LockEntry> Read(const YamlNode& document) {
    std::vector<LockEntry> entries;
    if (!CheckKeys(document, kHeadKeys)) return entries;
    CheckWord(document, "apiVersion", "remuda/v1");
    CheckWord(document, "kind", "Lock");
    const YamlNode* list = context_.Find(&document, "executors");
    if (list == nullptr || list->kind != YamlNode::Kind::kList) {
      context_.Report(list == nullptr ? document : *list,
                      "'executors' is a list of kinds of work; 'executors: []' "
                      "pins nothing");
      return entries;
    }
    std::set<std::pair<std::string, std::string>> seen;
    for (const YamlIndex child : list->children) {
      const YamlNode& node = context_.node(child);
      if (!CheckKeys(node, kEntryKeys)) continue;
      LockEntry entry = ReadEntry(node);
      if (!seen.emplace(entry.type, entry.function).second) {
        context_.Report(node, "this kind of work is pinned twice; keep one");
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  // False if it is no map, so that there is nothing to read.
  bool CheckKeys(const YamlNode& map, const std::vector<std::string>& known) {
    if (map.kind != YamlNode::Kind::kMap) {
      context_.Report(map, "a map with " + JoinNames(known) +
                               " is expected, not " + Found(map));
      return false;
    }
    for (size_t i = 0; i + 1 < map.children.size(); i += 2) {
      const YamlNode& key = context_.node(map.children[i]);
      if (std::find(known.begin(), known.end(), key.text) == known.end()) {
        context_.Report(key, "unknown key " + Quote(key.text) +
                                 DidYouMean(key.text, known));
      }
    }
    return true;
  }

  void CheckWord(const YamlNode& map, const std::string& key,
                 const std::string& word) {
    const YamlNode* node = context_.Find(&map, key);
    if (node != nullptr && WrittenText(*node) == word) return;
    context_.Report(node == nullptr ? map : *node,
                    "write '" + key + ": " + word + "'");
  }

  std::string Text(const YamlNode& map, const std::string& key, bool needed) {
    const YamlNode* node = context_.Find(&map, key);
    if (node == nullptr) {
      if (needed) context_.Report(map, "'" + key + "' is missing");
      return "";
    }
    const std::optional<std::string> text = WrittenText(*node);
    if (!text || (needed && text->empty())) {
      context_.Report(*node, "'" + key + "' is a text, not " + Found(*node));
      return "";
    }
    return *text;
  }

  LockEntry ReadEntry(const YamlNode& node) {
    LockEntry entry = {.type = Text(node, "type", true),
                       .function = Text(node, "function", false),
                       .reason = Text(node, "reason", false),
                       .since = Text(node, "since", false)};
    const std::string executor = Text(node, "executor", true);
    if (const auto kind = ExecutorKindFromName(executor)) {
      entry.executor = *kind;
    } else if (!executor.empty()) {
      context_.Report(*context_.Find(&node, "executor"),
                      Quote(executor) +
                          " is not an executor; use async, "
                          "thread-pool or process-pool");
    }
    const std::string gain = Text(node, "gain", false);
    if (!gain.empty()) {
      double number = 0;
      const char* end = gain.data() + gain.size();
      const auto read = std::from_chars(gain.data(), end, number);
      if (read.ec != std::errc() || read.ptr != end || !(number > 0)) {
        context_.Report(*context_.Find(&node, "gain"),
                        "'gain' is a number over 0, as in 'gain: 12.3'");
      } else {
        entry.gain = number;
      }
    }
    return entry;
  }

  SpecContext& context_;
};

}  // namespace

LockResult ParseLock(std::string_view text, const std::string& file) {
  LockResult result;
  const SpecText lines(text, file);
  const SpecLimits limits;
  if (std::optional<SpecError> bad = lines.CheckBytes(limits)) {
    result.errors.push_back(*std::move(bad));
    return result;
  }
  YamlResult yaml = ParseYaml(lines, limits);
  if (!yaml.errors.empty()) {
    result.errors = std::move(yaml.errors);
    return result;
  }
  if (yaml.tree.documents.size() != 1) {
    result.errors.push_back(
        {.file = file,
         .message = "a lock file is one document; `remuda advise --lock` "
                    "writes it"});
    return result;
  }
  SpecContext context(lines, yaml.tree);
  result.entries =
      LockReader(context).Read(context.node(yaml.tree.documents.front()));
  result.errors = context.TakeErrors();
  return result;
}

std::string LockText(const std::vector<LockEntry>& entries) {
  std::string text =
      "# What `executor: auto` has learned. Beside a spec it pins the choice.\n"
      "apiVersion: remuda/v1\nkind: Lock\nexecutors:";
  if (entries.empty()) return text + " []\n";
  text += "\n";
  for (const LockEntry& entry : entries) {
    // JSON texts are YAML.
    text += "  - type: " + JsonString(entry.type) + "\n";
    if (!entry.function.empty()) {
      text += "    function: " + JsonString(entry.function) + "\n";
    }
    text += "    executor: " + std::string(Name(entry.executor)) + "\n";
    if (!entry.reason.empty()) {
      text += "    reason: " + JsonString(entry.reason) + "\n";
    }
    if (entry.gain) {
      char number[32];
      std::snprintf(number, sizeof(number), "%.3g", *entry.gain);
      text += "    gain: " + std::string(number) + "\n";
    }
    if (!entry.since.empty()) {
      text += "    since: " + JsonString(entry.since) + "\n";
    }
  }
  return text;
}

const LockEntry* FindLock(const std::vector<LockEntry>& entries,
                          std::string_view type, std::string_view function) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const LockEntry& entry) {
        return entry.type == type && entry.function == function;
      });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace remuda
