// The signatures that AWS publishes: of its test suite for Signature Version 4, and of the examples in the API reference of S3.
import { assert, describe, it } from "vitest"
import { amzDate, authorization, sha256 } from "#src/upstream/credential/signature.ts"

const suite = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const form = ["Content-Type", "application/x-www-form-urlencoded"]
const token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"

describe("the test suite", () => {
  it.each([
    ["get-vanilla", "GET", "/", [], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    ["get-unreserved", "GET", `/-._~${alphabet}`, [], "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"],
    ["get-slashes", "GET", "//example//", [], "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"],
    [
      "get-vanilla-query-order-key-case",
      "GET",
      "/?Param2=value2&Param1=value1",
      [],
      "",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    ],
    [
      "get-vanilla-query-order-value",
      "GET",
      "/?Param1=value2&Param1=value1",
      [],
      "",
      "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"
    ],
    [
      "get-vanilla-query-unreserved",
      "GET",
      `/?-._~${alphabet}=-._~${alphabet}`,
      [],
      "",
      "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"
    ],
    ["get-vanilla-utf8-query", "GET", "/?ሴ=bar", [], "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"],
    [
      "get-header-value-order",
      "GET",
      "/",
      ["value4", "value1", "value3", "value2"].flatMap((value) => ["My-Header1", value]),
      "",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"
    ],
    [
      "get-header-key-duplicate",
      "GET",
      "/",
      ["value2", "value2", "value1"].flatMap((value) => ["My-Header1", value]),
      "",
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"
    ],
    [
      "get-header-value-trim",
      "GET",
      "/",
      ["My-Header1", " value1", "My-Header2", '"a   b   c"'],
      "",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"
    ],
    ["post-vanilla", "POST", "/", [], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
    ["post-x-www-form-urlencoded", "POST", "/", form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"],
    ["a session token", "GET", "/", ["X-Amz-Security-Token", token], "", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"]
  ] as const)("%s", (_name, method, target, headers, body, expected) => {
    const date = amzDate(Date.parse("2015-08-30T12:36:00Z"))
    const signed = ["Host", "example.amazonaws.com", "X-Amz-Date", date, ...headers]
    const value = authorization({ method, target, headers: signed, payload: sha256(body), date }, suite, {
      region: "us-east-1",
      service: "service"
    })
    assert.match(value, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/service\/aws4_request, SignedHeaders=/)
    assert.strictEqual(value.slice(value.indexOf("Signature=") + 10), expected)
  })
})

describe("the examples of S3", () => {
  const storage = ["Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class", "REDUCED_REDUNDANCY"]
  it.each([
    ["GET Object", "GET", "/test.txt", ["Range", "bytes=0-9"], "", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"],
    [
      "PUT Object",
      "PUT",
      "/test$file.text",
      storage,
      "Welcome to Amazon S3.",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    ],
    ["GET Bucket Lifecycle", "GET", "/?lifecycle", [], "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
    ["List Objects", "GET", "/?max-keys=2&prefix=J", [], "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"]
  ] as const)("%s", (_name, method, target, headers, body, expected) => {
    const date = "20130524T000000Z"
    const payload = sha256(body)
    const signed = ["Host", "examplebucket.s3.amazonaws.com", "x-amz-content-sha256", payload, "x-amz-date", date, ...headers]
    const value = authorization(
      { method, target, headers: signed, payload, date },
      { id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
      { region: "us-east-1", service: "s3" }
    )
    assert.strictEqual(value.slice(value.indexOf("Signature=") + 10), expected)
  })
})

describe("one path is signed alike however it is written", () => {
  const signature = (target: string, service: string) =>
    authorization({ method: "GET", target, headers: ["host", "a"], payload: "", date: "20150830T123600Z" }, suite, { region: "r", service })
  it.each([
    ["/a$b", "/a%24b", "s3"],
    ["/a%7eb", "/a~b", "s3"],
    ["/a%zz", "/a%25zz", "s3"],
    ["/?a=b+c", "/?a=b%20c", "s3"],
    ["/a/./b/../c/", "/a/c/", "execute-api"],
    ["/a/b/..", "/a/", "execute-api"]
  ])("%s and %s for %s", (one, other, service) => assert.strictEqual(signature(one, service), signature(other, service)))
  it.each([
    ["/a//b", "/a/b", "s3"],
    ["/a/../b", "/b", "s3"],
    ["/a%2Fb", "/a/b", "execute-api"],
    ["/?a=1&b=2", "/?a=1&b=3", "s3"]
  ])("not %s and %s for %s", (one, other, service) => assert.notStrictEqual(signature(one, service), signature(other, service)))
})
