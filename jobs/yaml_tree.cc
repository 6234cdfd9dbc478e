#include "jobs/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

namespace remuda {
namespace {

using Kind = YamlNode::Kind;

// What YAML takes for a map in a map was meant as a template. Gives the value
// as it should be quoted: up to what ends a value in a list or map.
std::string TemplateAt(std::string_view line, size_t byte) {
  std::string_view rest = line.substr(byte);
  size_t end = rest.find("}}");
  if (end == std::string_view::npos) return "{{item}}";
  end = rest.find_first_of(",]} \t", end + 2);
  return std::string(rest.substr(0, end));
}

std::string QuoteIt(const std::string& written) {
  return written +
         " has to be quoted, because YAML reads its braces as a "
         "map: write \"" +
         written + "\"";
}

// The YAML library's words, and what they mean to the author.
std::string Explained(const std::string& said) {
  static constexpr std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"illegal map value",
       "a ':' that begins a value where none may stand; check the "
       "indentation, and quote text that holds ': '"},
      {"end of map not found",
       "this does not continue the map above; check the indentation, a "
       "missing ':' and text after a closing quote"},
      {"end of sequence not found",
       "this does not continue the list above; check the indentation and the "
       "'-'"},
      {"end of map flow not found",
       "the '{' is not closed by a '}'; check for a missing comma too"},
      {"end of sequence flow not found",
       "the '[' is not closed by a ']'; check for a missing comma too"},
      {"unknown token",
       "text cannot begin with this character; put it in quotes"},
  };
  for (const auto& [words, meaning] : kMeanings) {
    if (said.find(words) != std::string::npos) return std::string(meaning);
  }
  return "this is not YAML: " + said;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const SpecText& text, const SpecLimits& limits)
      : text_(text), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (result_.tree.documents.size() == limits_.documents_max) {
      Stop(mark, "a file may hold " + std::to_string(limits_.documents_max) +
                     " documents; put the rest in another file");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Add(mark, Kind::kNull);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Report(mark, "aliases ('*') are not allowed; write the value out");
    Add(mark, Kind::kNull);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (value.size() > limits_.scalar_bytes_max) {
      Stop(mark, "one text has " + std::to_string(value.size()) +
                     " bytes, and may have " +
                     std::to_string(limits_.scalar_bytes_max) +
                     "; put it in a file");
    }
    const YamlIndex index = Add(mark, Kind::kScalar);
    YamlNode& node = result_.tree.nodes[index];
    node.quoted = tag == "!";
    node.text = value;
    if (node.quoted) CheckClosed(mark);
    if (is_key_) CheckKey(mark, node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    Open(mark, Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    Open(mark, Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

  void OnSyntaxError(const YAML::Exception& error) {
    if (stopped_) return;
    // The braces of a template explain what follows them on their line.
    if (!result_.errors.empty() &&
        result_.errors.back().line == error.mark.line + 1) {
      return;
    }
    // Towards the end of a list or map that is not closed, the library takes
    // what is in it for keys.
    key_errors_.clear();
    const std::string_view line = text_.Line(error.mark.line);
    const size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab != std::string_view::npos) {
      result_.errors.push_back(
          text_.ErrorAt(error.mark.line, static_cast<int>(tab),
                        "a tab cannot indent YAML; use spaces"));
      return;
    }
    std::string message = Explained(error.msg);
    if (const size_t braces = line.find("{{");
        braces != std::string_view::npos) {
      message += "; a value with braces has to be quoted, as in \"" +
                 TemplateAt(line, braces) + "\"";
    }
    if (error.msg.find("flow not found") != std::string::npos &&
        !open_.empty()) {
      const YamlNode& opened = result_.tree.nodes[open_.back().index];
      result_.errors.push_back(
          text_.ErrorAt(opened.line, opened.byte, message));
      return;
    }
    result_.errors.push_back(
        text_.ErrorAt(error.mark.line, error.mark.column, message));
  }

  YamlResult Take() {
    if (!stopped_ && result_.errors.empty()) {
      std::move(key_errors_.begin(), key_errors_.end(),
                std::back_inserter(result_.errors));
    }
    return std::move(result_);
  }

 private:
  struct OpenNode {
    YamlIndex index;
    std::map<std::string, int> key_lines;
  };

  void Report(const YAML::Mark& mark, const std::string& message) {
    result_.errors.push_back(text_.ErrorAt(mark.line, mark.column, message));
    if (result_.errors.size() >= kSpecErrorsMax) Abort(mark);
  }

  void Stop(const YAML::Mark& mark, const std::string& message) {
    result_.errors.push_back(text_.ErrorAt(mark.line, mark.column, message));
    Abort(mark);
  }

  // The library's own exception, caught below: it offers no other way to end
  // a parse before the end of the text.
  [[noreturn]] void Abort(const YAML::Mark& mark) {
    stopped_ = true;
    throw YAML::ParserException(mark, "stopped");
  }

  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    Report(mark, "anchors ('&') are not allowed; write the value out");
  }

  // "?" and "!" are what the library calls a plain and a quoted scalar; a lone
  // "!" that the author wrote shows in the text only.
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    const size_t at = text_.Offset(mark.line, mark.column);
    const bool written = at < text_.text().size() && text_.text()[at] == '!';
    if (!written && (tag.empty() || tag == "?" || tag == "!")) return;
    Report(mark, "tags ('!') are not allowed; quote a value to make it text");
  }

  YamlIndex Add(const YAML::Mark& mark, Kind kind) {
    if (result_.tree.nodes.size() >= limits_.nodes_max) {
      Stop(mark, "the file has more than " + std::to_string(limits_.nodes_max) +
                     " values; put long lists in a file of their own and "
                     "name it under 'tasks', as in 'lines: urls.txt'");
    }
    const auto index = static_cast<YamlIndex>(result_.tree.nodes.size());
    YamlNode node;
    node.kind = kind;
    node.line = mark.line;
    node.byte = mark.column;
    result_.tree.nodes.push_back(std::move(node));
    is_key_ = false;
    if (open_.empty()) {
      result_.tree.documents.push_back(index);
      return index;
    }
    YamlNode& parent = result_.tree.nodes[open_.back().index];
    is_key_ = parent.kind == Kind::kMap && parent.children.size() % 2 == 0;
    if (kind == Kind::kNull && !is_key_ && parent.kind == Kind::kMap) {
      // The library is already at what comes after it.
      const YamlNode& key = result_.tree.nodes[parent.children.back()];
      result_.tree.nodes[index].line = key.line;
      result_.tree.nodes[index].byte = key.byte;
    }
    parent.children.push_back(index);
    if (is_key_ && kind != Kind::kScalar) RefuseKey(mark, parent, kind);
    return index;
  }

  void Open(const YAML::Mark& mark, Kind kind) {
    if (open_.size() >= static_cast<size_t>(limits_.depth_max)) {
      Stop(mark, "maps and lists nest deeper than " +
                     std::to_string(limits_.depth_max) + " levels");
    }
    open_.push_back({Add(mark, kind), {}});
  }

  void RefuseKey(const YAML::Mark& mark, const YamlNode& parent, Kind kind) {
    if (kind == Kind::kMap && parent.line == mark.line &&
        parent.byte + 1 == mark.column) {
      YAML::Mark outer = mark;
      outer.column = parent.byte;
      Report(outer, QuoteIt(TemplateAt(text_.Line(mark.line),
                                       static_cast<size_t>(parent.byte))));
      return;
    }
    if (key_errors_.size() >= kSpecErrorsMax) return;
    key_errors_.push_back(
        text_.ErrorAt(mark.line, mark.column,
                      "a key has to be text; quote it if it is meant so"));
  }

  void CheckKey(const YAML::Mark& mark, const YamlNode& node) {
    if (node.text == "<<" && !node.quoted) {
      Report(mark, "merge keys ('<<') are not allowed; write the keys out");
    }
    OpenNode& map = open_.back();
    const auto [found, is_new] =
        map.key_lines.emplace(node.text, mark.line + 1);
    if (!is_new) {
      Report(mark, "the key '" + node.text.substr(0, 64) +
                       "' is here twice, the first time on line " +
                       std::to_string(found->second) +
                       "; take one of the two out");
    }
    if (map.key_lines.size() > limits_.keys_per_map_max) {
      Stop(mark, "a map may have " + std::to_string(limits_.keys_per_map_max) +
                     " keys");
    }
  }

  // The library takes the end of the text for the closing quote.
  void CheckClosed(const YAML::Mark& mark) {
    const std::string_view text = text_.text();
    const size_t begin = text_.Offset(mark.line, mark.column);
    if (begin >= text.size()) return;
    const char quote = text[begin];
    if (quote != '"' && quote != '\'') return;
    for (size_t i = begin + 1; i < text.size(); ++i) {
      const bool next_is_quote = i + 1 < text.size() && text[i + 1] == '\'';
      if (quote == '"' ? text[i] == '\\' : text[i] == quote && next_is_quote) {
        ++i;  // an escape, of which '' is the one of single quotes
      } else if (text[i] == quote) {
        return;
      }
    }
    Report(mark, "the quote that is opened here is never closed");
  }

  const SpecText& text_;
  const SpecLimits limits_;
  YamlResult result_;
  std::vector<SpecError> key_errors_;
  std::vector<OpenNode> open_;
  bool is_key_ = false;  // of the node that was added last
  bool stopped_ = false;
};

}  // namespace

YamlResult ParseYaml(const SpecText& text, const SpecLimits& limits) {
  TreeBuilder builder(text, limits);
  try {
    std::istringstream stream{std::string(text.text())};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    builder.OnSyntaxError(error);
  }
  return builder.Take();
}

}  // namespace remuda
