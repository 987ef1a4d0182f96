-- The twelve queries of Apache SpatialBench, after their definitions at sedona.apache.org/spatialbench/queries.
-- {collect} stands for the engine's aggregate that collects geometries. The zones are countries here, so that query 2
-- asks for one of these.

-- 1
SELECT t_tripkey, ST_X(ST_GeomFromWKB(t_pickuploc)) AS pickup_lon, ST_Y(ST_GeomFromWKB(t_pickuploc)) AS pickup_lat, t_pickuptime,
       ST_Distance(ST_GeomFromWKB(t_pickuploc), ST_GeomFromText('POINT (-111.7610 34.8697)')) AS distance_to_center
FROM trip WHERE ST_DWithin(ST_GeomFromWKB(t_pickuploc), ST_GeomFromText('POINT (-111.7610 34.8697)'), 0.45)
ORDER BY distance_to_center, t_tripkey LIMIT 100;

-- 2
SELECT count(*) AS trip_count FROM trip
WHERE ST_Intersects(ST_GeomFromWKB(t_pickuploc), (SELECT ST_GeomFromWKB(z_boundary) FROM zone WHERE z_name = 'United States of America' LIMIT 1));

-- 3
SELECT date_trunc('month', t_pickuptime) AS pickup_month, count(t_tripkey) AS total_trips, avg(t_distance) AS avg_distance, avg(t_dropofftime - t_pickuptime) AS avg_duration,
       avg(t_fare) AS avg_fare
FROM trip WHERE ST_DWithin(ST_GeomFromWKB(t_pickuploc), ST_GeomFromText('POLYGON ((-111.9060 34.7347, -111.6160 34.7347, -111.6160 35.0047, -111.9060 35.0047, -111.9060 34.7347))'), 0.045)
GROUP BY date_trunc('month', t_pickuptime) ORDER BY pickup_month;

-- 4
SELECT z_zonekey, z_name, count(*) AS trip_count
FROM zone JOIN (SELECT t_pickuploc FROM trip ORDER BY t_tip DESC, t_tripkey LIMIT 1000) AS top
  ON ST_Within(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(z_boundary))
GROUP BY z_zonekey, z_name ORDER BY trip_count DESC, z_zonekey;

-- 5
SELECT c_custkey, c_name, date_trunc('month', t_pickuptime) AS pickup_month,
       ST_Area(ST_ConvexHull({collect})) AS hull_area, count(*) AS dropoff_count
FROM trip JOIN customer ON t_custkey = c_custkey
GROUP BY c_custkey, c_name, date_trunc('month', t_pickuptime) HAVING count(*) > 5
ORDER BY hull_area DESC, c_custkey, pickup_month LIMIT 100;

-- 6
SELECT z_zonekey, z_name, count(t_tripkey) AS total_pickups, avg(t_distance) AS avg_distance, avg(t_dropofftime - t_pickuptime) AS avg_duration
FROM trip, zone WHERE ST_Intersects(ST_GeomFromText('POLYGON ((-112.2110 34.4197, -111.3110 34.4197, -111.3110 35.3197, -112.2110 35.3197, -112.2110 34.4197))'), ST_GeomFromWKB(z_boundary)) AND ST_Within(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(z_boundary))
GROUP BY z_zonekey, z_name ORDER BY total_pickups DESC, z_zonekey;

-- 7
WITH lengths AS (
  SELECT t_tripkey, t_distance AS reported_m, ST_Length(ST_MakeLine(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(t_dropoffloc))) / 0.000009 AS line_m
  FROM trip)
SELECT t_tripkey, reported_m, line_m, reported_m / nullif(line_m, 0) AS detour_ratio FROM lengths
ORDER BY detour_ratio DESC NULLS LAST, reported_m DESC, t_tripkey LIMIT 100;

-- 8
SELECT b_buildingkey, b_name, count(*) AS pickups
FROM trip JOIN building ON ST_DWithin(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(b_boundary), 0.0045)
GROUP BY b_buildingkey, b_name ORDER BY pickups DESC, b_buildingkey LIMIT 100;

-- 9
WITH b1 AS (SELECT b_buildingkey AS id, ST_GeomFromWKB(b_boundary) AS geom FROM building),
     b2 AS (SELECT b_buildingkey AS id, ST_GeomFromWKB(b_boundary) AS geom FROM building),
     pairs AS (
       SELECT b1.id AS building_1, b2.id AS building_2, ST_Area(b1.geom) AS area1, ST_Area(b2.geom) AS area2,
              ST_Area(ST_Intersection(b1.geom, b2.geom)) AS overlap
       FROM b1 JOIN b2 ON b1.id < b2.id AND ST_Intersects(b1.geom, b2.geom))
SELECT building_1, building_2, area1, area2, overlap,
       CASE WHEN area1 + area2 - overlap = 0 THEN 1.0 ELSE overlap / (area1 + area2 - overlap) END AS iou
FROM pairs ORDER BY iou DESC, building_1, building_2 LIMIT 100;

-- 10
SELECT z_zonekey, z_name, avg(t_dropofftime - t_pickuptime) AS avg_duration, avg(t_distance) AS avg_distance, count(t_tripkey) AS num_trips
FROM zone LEFT JOIN trip ON ST_Within(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(z_boundary))
GROUP BY z_zonekey, z_name ORDER BY avg_duration DESC NULLS LAST, z_zonekey LIMIT 100;

-- 11
SELECT count(*) AS cross_zone_trip_count
FROM trip
JOIN zone AS a ON ST_Within(ST_GeomFromWKB(t_pickuploc), ST_GeomFromWKB(a.z_boundary))
JOIN zone AS b ON ST_Within(ST_GeomFromWKB(t_dropoffloc), ST_GeomFromWKB(b.z_boundary))
WHERE a.z_zonekey != b.z_zonekey;

-- 12
WITH places AS (SELECT t_tripkey, ST_GeomFromWKB(t_pickuploc) AS place FROM trip),
     shapes AS (SELECT ST_GeomFromWKB(b_boundary) AS shape FROM building),
     near AS (
       SELECT t_tripkey, ST_Distance(place, shape) AS distance
       FROM places JOIN shapes ON ST_KNN(place, shape, 5, FALSE))
SELECT t_tripkey, avg(distance) AS avg_distance FROM near
GROUP BY t_tripkey ORDER BY avg_distance DESC, t_tripkey LIMIT 100;
