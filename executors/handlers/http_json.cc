#include "executors/handlers/http_json.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "base/json_string.h"
#include "executors/handlers/charset.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

using nlohmann::json;

constexpr int64_t kBytesMaxMax = 256 << 20;

// Reads a map of parameters and remembers the first thing wrong.
class Reader {
 public:
  explicit Reader(const std::string& parameters)
      : json_(json::parse(parameters, nullptr, /*allow_exceptions=*/false)) {
    if (!json_.is_object()) Refuse("the parameters are not a map");
  }

  bool Has(const char* name) const {
    return json_.is_object() && json_.contains(name) && !json_[name].is_null();
  }

  std::string Text(const char* name) {
    if (!Has(name)) return "";
    if (json_[name].is_string()) return json_[name].get<std::string>();
    Refuse(std::string("`") + name + "` must be text");
    return "";
  }

  int64_t Integer(const char* name, int64_t otherwise, int64_t min,
                  int64_t max) {
    if (!Has(name)) return otherwise;
    if (json_[name].is_number_integer()) {
      const auto value = json_[name].get<int64_t>();
      if (value >= min && value <= max) return value;
    }
    Refuse(std::string("`") + name + "` must be a whole number from " +
           std::to_string(min) + " to " + std::to_string(max));
    return otherwise;
  }

  bool Bool(const char* name, bool otherwise) {
    if (!Has(name)) return otherwise;
    if (json_[name].is_boolean()) return json_[name].get<bool>();
    Refuse(std::string("`") + name + "` must be true or false");
    return otherwise;
  }

  std::vector<std::pair<std::string, std::string>> Texts(const char* name) {
    std::vector<std::pair<std::string, std::string>> texts;
    if (!Has(name)) return texts;
    if (!json_[name].is_object()) {
      Refuse(std::string("`") + name + "` must be a map");
      return texts;
    }
    for (const auto& [key, value] : json_[name].items()) {
      texts.emplace_back(
          key, value.is_string() ? value.get<std::string>() : value.dump());
    }
    return texts;
  }

  void Url(HttpRequest& request) {
    request.url = Text("url");
    if (status_.ok() && request.url.empty()) Refuse("`url` is missing");
    request.bytes_max = static_cast<uint64_t>(Integer(
        "max_bytes", static_cast<int64_t>(request.bytes_max), 1, kBytesMaxMax));
  }

  void Refuse(const std::string& why) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(why);
  }

  const absl::Status& status() const { return status_; }

 private:
  const json json_;
  absl::Status status_;
};

std::string Base64(const std::string& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t j) {
      return i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j])
                                  : 0u;
    };
    const unsigned three = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kDigits[three >> 18];
    text += kDigits[three >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[three >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[three & 63] : '=';
  }
  return text;
}

void AppendText(std::string& output, const std::string& text) {
  AppendJsonString(output, RepairUtf8(text));
}

std::string Dump(const nlohmann::ordered_json& output) {
  return output.dump(-1, ' ', false,
                     nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<FetchParameters> ParseFetchParameters(
    const std::string& parameters) {
  Reader reader(parameters);
  FetchParameters fetch;
  reader.Url(fetch.request);
  if (reader.Has("body")) {
    fetch.request.body = reader.Text("body");
    fetch.request.method = "POST";
  }
  if (reader.Has("method")) fetch.request.method = reader.Text("method");
  fetch.request.headers = reader.Texts("headers");
  fetch.request.follow = reader.Bool("follow", true);
  fetch.fail_on = static_cast<int>(reader.Integer("fail_on", 400, 100, 1000));
  if (!reader.status().ok()) return reader.status();
  return fetch;
}

absl::StatusOr<CrawlParameters> ParseCrawlParameters(
    const std::string& parameters) {
  Reader reader(parameters);
  CrawlParameters crawl;
  reader.Url(crawl.request);
  crawl.links_max =
      static_cast<size_t>(reader.Integer("links_max", 100, 0, 100));
  if (!reader.status().ok()) return reader.status();
  return crawl;
}

std::string FetchOutput(const HttpResponse& response) {
  std::string output = "{\"url\":";
  AppendText(output, response.url);
  output += ",\"status\":" + std::to_string(response.status) +
            ",\"bytes\":" + std::to_string(response.body.size()) +
            ",\"content_type\":";
  AppendText(output, response.content_type);
  output += ",\"body\":";
  if (response.body.size() > kFetchBodyBytesMax) {
    output += "null,\"body_omitted\":\"larger than " +
              std::to_string(kFetchBodyBytesMax) + " bytes\"";
  } else if (IsUtf8(response.body)) {
    output.reserve(output.size() + response.body.size() +
                   response.body.size() / 16 + 16);  // some escapes
    AppendJsonString(output, response.body);
  } else {
    output += "{\"base64\":\"" + Base64(response.body) + "\"}";
  }
  return output += '}';
}

std::string CrawlOutput(const std::string& url, int status, size_t bytes,
                        const HtmlPage& page) {
  nlohmann::ordered_json output;
  output["url"] = url;
  output["status"] = status;
  output["bytes"] = bytes;
  output["title"] = nullptr;
  if (page.title.has_value()) output["title"] = *page.title;
  output["links"] = page.links;
  return Dump(output);
}

}  // namespace remuda
