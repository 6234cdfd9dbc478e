#include "jobs/parameters.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "jobs/json_text.h"
#include "jobs/template_text.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A piece of the text that Render puts together: JSON as it stands, or a hole
// for a value, either as a JSON value or inside a JSON string.
struct Segment {
  TemplatePiece piece;  // a literal is JSON text already
  bool inside_string = false;
};

// `json` as it reads inside a JSON string: the text of a string, and for all
// else its JSON, escaped.
std::string InsideString(std::string_view json) {
  if (!json.empty() && json.front() == '"') {
    return std::string(json.substr(1, json.size() - 2));
  }
  const std::string quoted = JsonString(json);
  return quoted.substr(1, quoted.size() - 2);
}

std::string_view TrimJson(std::string_view json) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = json.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return json.substr(first, json.find_last_not_of(kBlanks) - first + 1);
}

// Finds the member that a template names. Lists are entered by position.
const Json* FindMember(const Json& item, const std::vector<std::string>& path) {
  const Json* at = &item;
  for (const std::string& key : path) {
    if (at->is_object()) {
      const auto found = at->find(key);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      size_t position = 0;
      const char* end = key.data() + key.size();
      const auto parsed = std::from_chars(key.data(), end, position);
      if (parsed.ec != std::errc() || parsed.ptr != end) return nullptr;
      if (position >= at->size()) return nullptr;
      at = &(*at)[position];
    } else {
      return nullptr;
    }
  }
  return at;
}

}  // namespace

struct ParameterTemplate::Tree {
  // Without a template there is one literal segment at most.
  std::vector<Segment> segments;
  bool is_constant = true;
  bool names_members = false;

  void AddLiteral(std::string_view json) {
    if (segments.empty() ||
        segments.back().piece.kind != TemplatePiece::Kind::kLiteral) {
      segments.emplace_back();
    }
    segments.back().piece.text += json;
  }

  absl::Status AddString(const std::string& text) {
    absl::StatusOr<std::vector<TemplatePiece>> pieces = SplitTemplate(text);
    if (!pieces.ok()) return pieces.status();
    const bool whole = IsWholeTemplate(*pieces);
    if (!whole) AddLiteral("\"");
    for (TemplatePiece& piece : *pieces) {
      if (piece.kind == TemplatePiece::Kind::kLiteral) {
        AddLiteral(InsideString(JsonString(piece.text)));
        continue;
      }
      is_constant = false;
      names_members |= piece.kind == TemplatePiece::Kind::kMember;
      segments.push_back({.piece = std::move(piece), .inside_string = !whole});
    }
    if (!whole) AddLiteral("\"");
    return absl::OkStatus();
  }

  // Recursion ends at kJsonDepthMax, which Parse has checked.
  absl::Status Add(const Json& json) {
    if (json.is_string())
      return AddString(json.get_ref<const Json::string_t&>());
    if (!json.is_structured()) {
      AddLiteral(Dump(json));
      return absl::OkStatus();
    }
    const bool is_object = json.is_object();
    AddLiteral(is_object ? "{" : "[");
    bool first = true;
    for (auto member = json.begin(); member != json.end(); ++member) {
      if (!std::exchange(first, false)) AddLiteral(",");
      if (is_object) AddLiteral(JsonString(member.key()) + ":");
      if (absl::Status status = Add(*member); !status.ok()) return status;
    }
    AddLiteral(is_object ? "}" : "]");
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Value(const TemplatePiece& piece,
                                    const std::string& item, TaskIndex index,
                                    const Json& parsed) const {
    switch (piece.kind) {
      case TemplatePiece::Kind::kLiteral:
        return piece.text;
      case TemplatePiece::Kind::kItem:
        return std::string(TrimJson(item));
      case TemplatePiece::Kind::kIndex:
        return std::to_string(index);
      case TemplatePiece::Kind::kMember:
        break;
    }
    const Json* member = FindMember(parsed, piece.path);
    if (member == nullptr) {
      return absl::InvalidArgumentError("the item has no value for {{" +
                                        piece.text + "}}");
    }
    return Dump(*member);
  }
};

ParameterTemplate::ParameterTemplate() {
  auto tree = std::make_shared<Tree>();
  tree->AddLiteral("{}");
  tree_ = std::move(tree);
}

absl::StatusOr<ParameterTemplate> ParameterTemplate::Parse(
    const std::string& with) {
  if (!IsJson(with)) {
    return absl::InvalidArgumentError(
        "the parameters are not JSON, or nest too deep");
  }
  const Json json = Json::parse(with, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("the parameters are not a JSON object");
  }
  auto tree = std::make_shared<Tree>();
  if (absl::Status status = tree->Add(json); !status.ok()) return status;
  ParameterTemplate result;
  result.tree_ = std::move(tree);
  return result;
}

absl::StatusOr<std::string> ParameterTemplate::Render(const std::string& item,
                                                      TaskIndex index) const {
  if (tree_->is_constant) return tree_->segments.front().piece.text;
  Json parsed;
  if (tree_->names_members) {
    parsed = IsJson(item)
                 ? Json::parse(item, nullptr, /*allow_exceptions=*/false)
                 : Json();
  }
  std::string out;
  for (const Segment& segment : tree_->segments) {
    absl::StatusOr<std::string> value =
        tree_->Value(segment.piece, item, index, parsed);
    if (!value.ok()) return value.status();
    out += segment.inside_string ? InsideString(*value) : *value;
    if (out.size() > kRenderedBytesMax) {
      return absl::InvalidArgumentError("the parameters of one task are over " +
                                        std::to_string(kRenderedBytesMax) +
                                        " bytes");
    }
  }
  return out;
}

std::vector<std::vector<std::string>> ParameterTemplate::MemberPaths() const {
  std::vector<std::vector<std::string>> paths;
  for (const Segment& segment : tree_->segments) {
    if (segment.piece.kind == TemplatePiece::Kind::kMember) {
      paths.push_back(segment.piece.path);
    }
  }
  return paths;
}

bool ParameterTemplate::is_constant() const { return tree_->is_constant; }

}  // namespace remuda
