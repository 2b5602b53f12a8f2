// What the older servers' own web pages do with axios, step by step: the same requests, and what they make of answers.

const form = (fields) => {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
};

const shown = (tag, src, ready) =>
  new Promise((done, failed) => {
    const element = document.createElement(tag);
    element.addEventListener(ready, () => done(element));
    element.addEventListener("error", () => failed(new Error(`${tag} does not load ${src}`)));
    element.src = src;
    document.body.append(element);
    if (tag === "audio") element.load();
  });

const files = async (names) =>
  Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, new File([await (await fetch(name)).blob()], name)])),
  );

const polledToTheEnd = async (http) => {
  const polled = [];
  for (;;) {
    const { data } = await http.get("/progress");
    const [current, total] = data.split(",").map((item) => parseInt(item.split(":")[1], 10));
    polled.push([current, total]);
    if (current === total) break;
    await new Promise((later) => setTimeout(later, 1000));
  }
  return polled;
};

window.olderClients = {
  async audio(api, folder, example) {
    const http = axios.create({ baseURL: api, timeout: 20000 });
    const table = "audio_table";
    const opened = (await http.get("audio/count", { table_name: table })).data;
    const dropped = (await http.post("audio/drop", { table_name: table })).data;
    const loaded = (await http.post("audio/load", { Table: table, File: folder })).data.msg;
    const counted = (await http.get("audio/count", { table_name: table })).data;
    const { [example]: audio } = await files([example]);
    const { data } = await http.post("audio/search", form({ audio, Table: table }));
    const hits = data.map(([audioSrc, [name, distance]]) => ({ audioSrc, name, distance }));
    const player = await shown("audio", hits[0].audioSrc, "loadedmetadata");
    const texts = hits.map(({ distance }) => (distance ? distance.toFixed(4) : String(distance)));
    return { opened, dropped, loaded, counted, names: hits.map(({ name }) => name), texts, seconds: player.duration };
  },

  async image(api, folder, example) {
    const http = axios.create({ baseURL: api });
    const opened = (await http.post("/img/count")).data;
    const loaded = (await http.post("/img/load", { File: folder })).data;
    const polled = await polledToTheEnd(http);
    const counted = (await http.post("/img/count")).data;
    const { [example]: image } = await files([example]);
    const { data } = await http.post("/img/search", form({ topk: 5, image }));
    const images = await Promise.all(data.map(([path]) => shown("img", `${api}/data?image_path=${path}`, "load")));
    const cleared = (await http.post("/img/drop")).data;
    return {
      opened, loaded, polled, counted, cleared,
      paths: data.map(([path]) => path),
      texts: data.map(([, distance]) => distance.toFixed(6)),
      widths: images.map((one) => one.naturalWidth),
      after: (await http.post("/img/count")).data,
    };
  },

  async molecule(api, file, typed) {
    const http = axios.create({ baseURL: api });
    const opened = (await http.post("/data/count")).data;
    const loaded = (await http.post("/data/load", { File: file })).data;
    const polled = await polledToTheEnd(http);
    const counted = (await http.post("/data/count")).data;
    const keystrokes = [];
    let hits = [];
    for (const Mol of typed) {
      const { data } = await http.post("/data/search", { Num: 3, Mol });
      if (typeof data === "string") keystrokes.push(data);
      else hits = data.map(([mol, [img, distance]]) => ({ mol, img, distance }));
    }
    const images = await Promise.all(hits.map(({ img }) => shown("img", img, "load")));
    const cleared = (await http.post("/data/drop")).data;
    return {
      opened, loaded, polled, counted, keystrokes, cleared,
      molecules: hits.map(({ mol }) => mol),
      distances: hits.map(({ distance }) => distance),
      widths: images.map((one) => one.naturalWidth),
      after: (await http.post("/data/count")).data,
    };
  },

  async text(api, table, words) {
    const http = axios.create({ baseURL: api });
    const dropped = (await http.post("/drop?table_name=test_table")).data;
    const { [table]: file } = await files([table]);
    const loaded = (await http.post("/load", form({ file, table_name: "test_table" }))).data;
    const { data } = await http.get(`/search?table_name=test_table&query_sentence=${words}`);
    return { dropped, loaded, rows: data.map(({ title, content }) => [title, content]) };
  },

  async qa(api, table, question) {
    const http = axios.create({ baseURL: api });
    const { [table]: file } = await files([table]);
    const loaded = (await http.post("/qa/load_data", form({ file }))).data[0];
    const counted = (await http.post("/qa/count")).data;
    const found = (await http.get("/qa/search", { params: { question } })).data[0];
    const answered = (await http.get("/qa/answer", { params: { question: found.msg[0] } })).data;
    const dropped = (await http.post("/qa/drop")).data;
    return { loaded, counted, found, answered, cleared: dropped[0].status, said: dropped.msg };
  },

  async video(api, folder, example) {
    const http = axios.create({ baseURL: api });
    const opened = (await http.post("/video/count")).data;
    const loaded = (await http.post("/video/load", { File: folder })).data;
    const counted = (await http.post("/video/count")).data;
    const progress = (await http.get("/progress")).data;
    const { [example]: image } = await files([example]);
    const { data } = await http.post("/video/search", form({ image }));
    const players = await Promise.all(data.map(([src]) => shown("img", src, "load")));
    const cleared = (await http.post("/video/drop")).data;
    return {
      opened, loaded, counted, progress, cleared,
      message: cleared.message === undefined,
      sources: data.map(([src]) => src),
      texts: data.map(([, distance]) => (distance || 0).toFixed(5)),
      widths: players.map((one) => one.naturalWidth),
    };
  },

  async videoObjects(api, folder, example) {
    const http = axios.create({ baseURL: api, timeout: 50000, params: { table_name: "" } });
    const opened = (await http.post("/image/count")).data;
    const loaded = (await http.post("/image/load", { File: folder })).data;
    const counted = (await http.post("/image/count")).data;
    const { [example]: video } = await files([example]);
    const { data } = await http.post("/video/search", form({ video }));
    const [source, ...results] = data;
    const player = await shown("video", source, "loadedmetadata");
    const at = (currentTime) => results.filter((found) => parseInt(found.time, 10) === Math.ceil(currentTime));
    return {
      opened, loaded, counted, source, results,
      seconds: player.duration,
      first: at(0.5).map((found) => found.distance.toFixed(7)),
      cleared: (await http.post("/image/drop")).data,
    };
  },

  async engine(api, names) {
    const http = axios.create({ baseURL: `${api}/api` });
    const chosen = await files(names);
    const uploads = await Promise.all(
      names.map(async (name) => {
        try {
          return (await http.post("/meta/image/file", form({ file: chosen[name] }))).data;
        } catch (error) {
          return { refused: error.response.data.message, status: error.response.status };
        }
      }),
    );
    const listed = (await http.get("/meta/image", { params: { limit: 20, offset: 0 } })).data;
    const { data: answer } = await http.post("/sample/file", form({ file: chosen[names[0]] }));
    const images = await Promise.all(
      answer.data.map(({ file_relative_url: url }) => shown("img", `${api}${url}`, "load")),
    );
    return {
      uploads, listed,
      found: answer.data.map(({ meta_uuid }) => meta_uuid),
      scores: answer.data.map(({ score, distance }) => [score.toFixed(2), distance.toFixed(4)]),
      widths: images.map((one) => one.naturalWidth),
    };
  },
};
