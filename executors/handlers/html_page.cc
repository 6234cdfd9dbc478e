#include "executors/handlers/html_page.h"

#include <curl/curl.h>
#include <gumbo.h>
#include <time.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "executors/handlers/charset.h"
#include "executors/handlers/html_excerpt.h"

namespace remuda {
namespace {

constexpr size_t kBlockBytes = 64 << 10;
constexpr int kAllocationsPerLook = 1024;

Duration CpuTime() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

// The memory of one tree, given back as a whole: gumbo would free it node by
// node, by recursion, and overflow the stack on a deep page. It also is the
// place to stop a parse that takes too much, since gumbo has none: nothing but
// gumbo's plain C is on the stack there, so a long jump leaves it cleanly.
class Arena {
 public:
  explicit Arena(const HtmlLimits& limits)
      : deadline_(CpuTime() + limits.time), left_(limits.memory_bytes) {}

  std::jmp_buf& way_out() { return way_out_; }

  static void* Allocate(void* self, size_t size) {
    return static_cast<Arena*>(self)->Allocate(size);
  }

 private:
  void* Allocate(size_t size) {
    if (--until_look_ < 0) {
      until_look_ = kAllocationsPerLook;
      if (CpuTime() > deadline_) std::longjmp(way_out_, 1);
    }
    constexpr size_t kAlign = alignof(std::max_align_t);
    if (size > left_) std::longjmp(way_out_, 1);
    size = (size + kAlign - 1) / kAlign * kAlign;
    if (size > room_) {
      room_ = std::max(size, kBlockBytes);
      left_ -= std::min(left_, room_);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(room_));
      next_ = blocks_.back().get();
    }
    room_ -= size;
    return std::exchange(next_, next_ + size);
  }

  const Duration deadline_;
  size_t left_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t room_ = 0;
  int until_look_ = kAllocationsPerLook;
  std::jmp_buf way_out_;
};

// Null if the parse was stopped. No object of this frame has a destructor.
GumboOutput* Parse(const std::string& text, Arena& arena) {
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &Arena::Allocate;
  options.deallocator = [](void*, void*) {};
  options.userdata = &arena;
  options.max_errors = 0;
  if (setjmp(arena.way_out()) != 0) return nullptr;
  return gumbo_parse_with_options(&options, text.data(), text.size());
}

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

// Nodes in the order of the document, without recursion.
class Walk {
 public:
  explicit Walk(const GumboNode* root) { open_.push_back({root, 0}); }

  // The next element; null at the end.
  const GumboNode* NextElement() {
    while (!open_.empty()) {
      auto& [node, child] = open_.back();
      const GumboVector& children = node->type == GUMBO_NODE_DOCUMENT
                                        ? node->v.document.children
                                        : node->v.element.children;
      if (child == children.length) {
        open_.pop_back();
        continue;
      }
      const auto* next = static_cast<GumboNode*>(children.data[child++]);
      if (next->type == GUMBO_NODE_ELEMENT ||
          next->type == GUMBO_NODE_TEMPLATE) {
        open_.push_back({next, 0});
        return next;
      }
    }
    return nullptr;
  }

 private:
  std::vector<std::pair<const GumboNode*, unsigned>> open_;
};

bool Is(const GumboNode& node, GumboTag tag) {
  return node.v.element.tag == tag &&
         node.v.element.tag_namespace == GUMBO_NAMESPACE_HTML;
}

const char* Attribute(const GumboNode& node, const char* name) {
  const GumboAttribute* found =
      gumbo_get_attribute(&node.v.element.attributes, name);
  return found == nullptr ? nullptr : found->value;
}

std::string TitleText(const GumboNode& title) {
  std::string text;
  bool blank = false;
  const GumboVector& children = title.v.element.children;
  for (unsigned i = 0; i < children.length; ++i) {
    const auto* child = static_cast<const GumboNode*>(children.data[i]);
    if (child->type != GUMBO_NODE_TEXT &&
        child->type != GUMBO_NODE_WHITESPACE) {
      continue;
    }
    for (const char* c = child->v.text.text; *c != '\0'; ++c) {
      if (IsBlank(*c)) {
        blank = true;
        continue;
      }
      if (blank && !text.empty()) text += ' ';
      blank = false;
      text += *c;
    }
  }
  // A character reference far out of range overflows in gumbo and comes out as
  // any byte.
  return RepairUtf8(std::move(text));
}

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

// As the URL standard reads an attribute: blanks around it and line breaks in
// it do not count.
std::string CleanReference(const char* written) {
  std::string_view text(written);
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  std::string clean;
  for (const char c : text) {
    if (c == ' ') {
      clean += "%20";  // curl would write + in a query
    } else if (c != '\n' && c != '\r' && c != '\t') {
      clean += c;
    }
  }
  return clean;
}

// True if it names a scheme other than http and https, as mailto: does.
bool IsOtherScheme(const std::string& reference) {
  const size_t end = reference.find_first_of(":/?#");
  if (end == std::string::npos || reference[end] != ':') return false;
  std::string scheme = reference.substr(0, end);
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return scheme != "http" && scheme != "https";
}

// Null if there is no such URL.
Url Resolve(const Url& base, const char* written) {
  std::string reference = CleanReference(written);
  // The fragment does not count, and curl takes one alone for a file's name.
  reference.resize(std::min(reference.find('#'), reference.size()));
  if (IsOtherScheme(reference)) return nullptr;
  Url url(base ? curl_url_dup(base.get()) : curl_url());
  if (!reference.empty() &&
      curl_url_set(url.get(), CURLUPART_URL, reference.c_str(),
                   CURLU_URLENCODE) != CURLUE_OK) {
    return nullptr;
  }
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return url;
}

// Empty if it is not an http URL after all.
std::string Text(const Url& url) {
  char* text = nullptr;
  if (curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) return "";
  std::string result(text);
  curl_free(text);
  if (!result.starts_with("http://") && !result.starts_with("https://")) {
    return "";
  }
  return result;
}

}  // namespace

absl::StatusOr<HtmlPage> ParseHtml(const std::string& text,
                                   const std::string& url,
                                   const HtmlLimits& limits) {
  const std::string excerpt = HtmlExcerpt(text);
  Arena arena(limits);
  const GumboOutput* const output = Parse(excerpt, arena);
  if (output == nullptr) {
    return absl::ResourceExhaustedError(
        "the page has too many links to read them");
  }
  HtmlPage page;
  std::vector<const char*> references;
  const char* base_reference = nullptr;
  Walk walk(output->document);
  while (const GumboNode* node = walk.NextElement()) {
    if (Is(*node, GUMBO_TAG_TITLE)) {
      if (!page.title.has_value()) page.title = TitleText(*node);
    } else if (Is(*node, GUMBO_TAG_A) || Is(*node, GUMBO_TAG_AREA)) {
      const char* reference = Attribute(*node, "href");
      if (reference != nullptr) references.push_back(reference);
    } else if (Is(*node, GUMBO_TAG_BASE) && base_reference == nullptr) {
      base_reference = Attribute(*node, "href");
    }
  }
  Url base = Resolve(nullptr, url.c_str());
  if (base == nullptr) return page;
  if (base_reference != nullptr) {
    Url changed = Resolve(base, base_reference);
    if (changed != nullptr) base = std::move(changed);
  }
  absl::flat_hash_set<std::string> seen;
  for (const char* reference : references) {
    if (page.links.size() >= limits.links) break;
    const Url resolved = Resolve(base, reference);
    if (resolved == nullptr) continue;
    std::string link = Text(resolved);
    if (!link.empty() && seen.insert(link).second) {
      page.links.push_back(std::move(link));
    }
  }
  return page;
}

}  // namespace remuda
