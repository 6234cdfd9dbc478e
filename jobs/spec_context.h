#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/spec_error.h"
#include "jobs/spec_text.h"
#include "jobs/yaml_tree.h"

namespace remuda {

// What the passes over one spec share: its nodes, and the errors found so far.
// What is an error is for the passes to say.
//
// Lifetime: text and tree outlive it.
class SpecContext {
 public:
  SpecContext(const SpecText& text, const YamlTree& tree)
      : text_(text), tree_(tree) {}

  const YamlTree& tree() const { return tree_; }
  const YamlNode& node(YamlIndex index) const { return tree_.nodes[index]; }

  // The value of a key, or the key itself. Null if `map` is null or no map, or
  // has no such key.
  const YamlNode* Find(const YamlNode* map, std::string_view key) const;
  const YamlNode* FindKey(const YamlNode* map, std::string_view key) const;

  // A value as JSON. Nothing, and a report, if JSON cannot say it.
  std::optional<std::string> ToJson(const YamlNode& node);

  void Report(const YamlNode& at, std::string message);
  size_t reports() const { return errors_.size(); }
  // True once further reports are dropped, and need not be looked for.
  bool full() const { return errors_.size() >= kReportsMax; }

  // The first kSpecErrorsMax errors in the order of the text.
  std::vector<SpecError> TakeErrors();

  // Enough to sort the first ones out of, and no flood.
  static constexpr size_t kReportsMax = 200;

 private:
  const SpecText& text_;
  const YamlTree& tree_;
  std::vector<SpecError> errors_;
};

// The text of a scalar as it was written, so that a plain 1.50 is "1.50" where
// text is wanted. Nothing for null, lists and maps.
std::optional<std::string> WrittenText(const YamlNode& node);

// "a list", "the text 'x'", "nothing": what an error says it found.
std::string Found(const YamlNode& node);

// In single quotes, and cut if it is long.
std::string Quote(std::string_view text);

}  // namespace remuda
