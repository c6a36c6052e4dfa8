/*
 * The cases of t/unit/rpc.c that are about keys: which are read, and when a
 * body is refused since readers of JSON differ on one.
 */

#ifndef _RPC_KEY_CASES_H_INCLUDED_
#define _RPC_KEY_CASES_H_INCLUDED_


#include "rpc_cases.h"


static const rpc_case_t  duplicate_cases[] = {
    { "jsonrpc twice", body(CALL ",\"jsonrpc\":\"2.0\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "method twice", body(CALL ",\"method\":\"m\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "id twice", body(CALL ",\"id\":1}"), MCP_RPC_INVALID, "", "" },
    { "id three times", body(CALL ",\"id\":1,\"id\":1}"),
      MCP_RPC_INVALID, "", "" },
    { "params twice", body(PARAM "},\"params\":{\"name\":\"a\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "params twice, once as an array",
      body(CALL ",\"params\":[],\"params\":{}}"),
      MCP_RPC_INVALID, "", "1" },
    { "result twice",
      body("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"result\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "error twice",
      body("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":1,\"error\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "name twice", body(PARAM "\"name\":\"a\",\"name\":\"a\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "name twice, once escaped",
      body(PARAM "\"name\":\"allowed\",\"n\\u0061me\":\"evil\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "uri twice", body(PARAM "\"uri\":\"a\",\"x\":1,\"uri\":\"b\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "_meta twice", body(META "},\"_meta\":{}}}"), MCP_RPC_INVALID, "", "1" },
    { "_meta twice, once as null", body(PARAM "\"_meta\":null,\"_meta\":{}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "the protocol version twice",
      body(META "\"" VERSION "\":\"a\",\"" VERSION "\":\"a\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "a task twice", body(PARAM "\"taskId\":\"a\",\"taskId\":1}}"),
      MCP_RPC_INVALID, "", "1" },
    { "a task twice, once escaped",
      body(PARAM "\"taskId\":\"a\",\"task\\u0049d\":\"b\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "a reference twice", body(PARAM "\"ref\":1,\"ref\":{}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "its type twice", body(REF "\"type\":\"a\",\"type\":\"b\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "its name twice", body(REF "\"name\":1,\"name\":\"b\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "its uri twice", body(REF "\"uri\":\"a\",\"u\\u0072i\":\"b\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "notifications twice",
      body(LISTEN "},\"notifications\":{}}}"), MCP_RPC_INVALID, "", "1" },
    { "subscriptions twice",
      body(TO "\"a\"],\"resourceSubscriptions\":[\"b\"]}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "tasks twice, first none",
      body(LISTEN "\"taskIds\":[],\"t\\u0061skIds\":[\"a\"]}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "id twice, with objects",
      body("{\"id\":{},\"id\":{},\"jsonrpc\":\"2.0\",\"method\":\"m\"}"),
      MCP_RPC_INVALID, "", "" },
    { "other keys may be there twice",
      body(CALL
           ",\"a\":1,\"a\":2,\"params\":{\"b\":1,\"b\":2,\"_meta\":{\"c\""
           ":1,\"c\":2}}}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" },
    { "similar keys are other keys",
      body(CALL ",\"method \":\"z\",\"metho\":1,\"Methods\":2,\"-ethod\":3,"
           "\"method\xc5\xbf\":4,\"meth\xc3\xb3" "d\":5,\"iD\xc4\xb1\":6,"
           "\"\\r\\u0045thod\":7,\"\xc5\xbf\":8}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" },
    { "an escaped method is the method",
      body("{\"jsonrpc\":\"2.0\",\"id\":1,\"\\u006dethod\":\"\\u006d\"}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" },
    { "an escaped method is a duplicate",
      body(CALL ",\"\\u006Dethod\":\"m\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "a key with a NUL before or within is another key",
      body(CALL ",\"metho\\u0000d\":1,\"\\u0000method\":1,\"\":1,"
           "\"methods and more\\u0000\":1,\"\\u0000\":1}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" },
    { "a very long key",
      body(CALL
           ",\"io.modelcontextprotocol/protocolVersionio.modelcontextprot"
           "ocol/protocolVersion\":1}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" }
};


/* Some readers take each of these for a key that is read. */

static const rpc_case_t  fold_cases[] = {
    { "Method beside method", body(CALL ",\"Method\":\"x\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "METHOD instead of method",
      body("{\"METHOD\":\"m\",\"jsonrpc\":\"2.0\",\"id\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "an escaped capital", body(CALL ",\"\\u004Dethod\":\"x\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "JSONRPC beside jsonrpc", body(CALL ",\"JSONRPC\":\"2.0\"}"),
      MCP_RPC_INVALID, "", "1" },
    { "Result beside a method", body(CALL ",\"Result\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "eRRor in a response",
      body("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"eRRor\":null}"),
      MCP_RPC_INVALID, "", "1" },
    { "ID after the id, which is none then", body(CALL ",\"ID\":2}"),
      MCP_RPC_INVALID, "", "" },
    { "ID before the id",
      body("{\"jsonrpc\":\"2.0\",\"ID\":2,\"id\":1,\"method\":\"m\"}"),
      MCP_RPC_INVALID, "", "" },
    { "an id with a small i that has no dot",
      body(CALL ",\"\xc4\xb1" "d\":2}"),
      MCP_RPC_INVALID, "", "" },
    { "an id with a capital I that has a dot",
      body(CALL ",\"\\u0130D\":2}"),
      MCP_RPC_INVALID, "", "" },
    { "params with a long s", body(CALL ",\"param\xc5\xbf\":{\"name\":1}}"),
      MCP_RPC_INVALID, "", "1" },
    { "params with an escaped long s", body(CALL ",\"PARAM\\u017f\":null}"),
      MCP_RPC_INVALID, "", "1" },
    { "Name before name", body(PARAM "\"Name\":\"a\",\"name\":\"b\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "naME alone", body(PARAM "\"naME\":\"a\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "URI", body(PARAM "\"URI\":\"a\"}}"), MCP_RPC_INVALID, "", "1" },
    { "a task with a Kelvin sign",
      body(PARAM "\"tas\xe2\x84\xaa" "Id\":\"a\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "a task with a Kelvin sign and a long s",
      body(PARAM "\"TA\\u017f\\u212aid\":\"a\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "_Meta", body(PARAM "\"_Meta\":{}}}"), MCP_RPC_INVALID, "", "1" },
    { "the protocol version in other letters",
      body(META "\"io.modelcontextprotocol/ProtocolVer\\u017fion\":\"a\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "Ref", body(PARAM "\"Ref\":{\"name\":\"a\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "its Type", body(REF "\"Type\":\"a\"}}}"), MCP_RPC_INVALID, "", "1" },
    { "its Name", body(REF "\"name\":\"a\",\"Name\":\"b\"}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "its uRi", body(REF "\"uRi\":\"a\"}}}"), MCP_RPC_INVALID, "", "1" },
    { "Notifications", body(PARAM "\"Notifications\":{}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "subscriptions in other letters",
      body(LISTEN "\"re\xc5\xbfource\xc5\xbfub\xc5\xbf" "cr\xc4\xb1pt\xc4\xb0on"
           "\xc5\xbf\":[]}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "tasks in other letters", body(LISTEN "\"TaskIDs\":[]}}}"),
      MCP_RPC_INVALID, "", "1" },
    { "method, cut at a NUL", body(CALL ",\"method\\u0000\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "Name, cut at a NUL, with more behind it",
      body(PARAM "\"name\":\"a\",\"Name\\u0000\\u0000 12345\":\"b\"}}"),
      MCP_RPC_INVALID, "", "1" },
    { "ref, of the length of name, cut at a NUL",
      body(PARAM "\"ref\\u0000\":{}}}"), MCP_RPC_INVALID, "", "1" },
    { "method, cut at a NUL, with much behind it",
      body(CALL ",\"method\\u0000456789012345678901234567890123456789012345678"
           "90123456789012345678901234567890\\u0000\":1}"),
      MCP_RPC_INVALID, "", "1" },
    { "a long key with a NUL where nothing ends",
      body(CALL ",\"methods\\u000056789012345678901234567890123456789012345678"
           "90123456789012345678901234567890\":1}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" },
    { "an id, cut at a NUL", body(CALL ",\"id\\u0000x\":2}"),
      MCP_RPC_INVALID, "", "" },
    { "in a message of a batch", body("[" CALL "}," CALL ",\"Id\":1}]"),
      MCP_RPC_INVALID, "request 1 m - - -;", "" },
    { "where no key is read, letters are free",
      body(PARAM "\"arguments\":{\"Name\":1,\"NAME\":2},\"Method\":1,"
           "\"x\":[{\"URI\":1}],\"_meta\":{\"Name\":1}},\"Name\":1,"
           "\"URI\":2,\"x\":{\"ID\":1}}"),
      MCP_RPC_DONE, "request 1 m - - -;", "1" }
};


#endif /* _RPC_KEY_CASES_H_INCLUDED_ */
